//! The findings in pipeline files, with their places.

use std::fmt;
use std::path::PathBuf;

use crate::checker::Problem;
use crate::rule::Rule;

/// A pipeline file cannot be used. The text is for people; it has one line per finding.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file or folder cannot be read from disk.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The content breaks rules. Every finding says where.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Finding>),
}

/// One broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// The path of the file. For pipelines from JSON: the topic.
    pub name: String,
    /// The line in the file, counted from 1. `None` for pipelines from JSON and for findings about a whole file.
    pub line: Option<usize>,
    /// The place in the file, what is wrong, and how to fix it.
    pub message: String,
}

impl Finding {
    /// Creates a finding. Its message is the rule's text, with `detail` in place of `{}`, after the path.
    pub(crate) fn new(rule: Rule, name: &str, line: Option<usize>, path: &[String], detail: &str) -> Self {
        let text = rule.text().replacen("{}", detail, 1);
        let message = if path.is_empty() { text } else { format!("{}: {text}", path.join(".")) };
        Self { rule, name: name.to_owned(), line, message }
    }

    /// Creates a finding for a pipeline that was read from JSON, which has no lines.
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
