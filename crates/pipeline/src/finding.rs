//! What is wrong with pipeline files, and where.

use std::fmt;
use std::path::PathBuf;

use crate::checker::Problem;
use crate::rule::Rule;

/// A pipeline file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file or folder cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why it could not be.
        source: std::io::Error,
    },
    /// The content is wrong; each finding says where.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Finding>),
}

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The file, or the topic where the pipeline came as JSON.
    pub name: String,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(rule: Rule, name: &str, line: Option<usize>, path: &[String], detail: &str) -> Self {
        let text = rule.text().replacen("{}", detail, 1);
        let message = if path.is_empty() { text } else { format!("{}: {text}", path.join(".")) };
        Self { rule, name: name.to_owned(), line, message }
    }

    pub(crate) fn of_topic(topic: &str, problem: &Problem) -> Self {
        Self::new(problem.rule, topic, None, &problem.path, &problem.detail)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}
