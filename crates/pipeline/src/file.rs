//! One pipeline file: its content, and the line of each part for error messages.

use std::path::Path;

use serde_json::Value;
use serde_path_to_error::Segment;

use crate::check::check;
use crate::checker::Problem;
use crate::finding::{Finding, PipelineError};
use crate::node::Node;
use crate::rule::Rule;
use crate::spec::Pipeline;
use crate::together::Member;
use crate::yaml;

/// A file that has the shape of a pipeline. It may still break rules: see [`PipelineFile::findings`].
pub(crate) struct PipelineFile {
    name: String,
    /// The content with the line of each value.
    root: Node,
    /// The content as types.
    pipeline: Pipeline,
}

impl PipelineFile {
    /// Reads a file from disk and parses it.
    ///
    /// # Errors
    /// [`PipelineError::Unreadable`] if the file cannot be read; otherwise those of [`Self::parse`].
    pub(crate) fn read(path: &Path) -> Result<Self, PipelineError> {
        let bytes = std::fs::read(path)
            .map_err(|source| PipelineError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Parses the content of a file. `name` is the file's name in findings.
    ///
    /// # Errors
    /// [`PipelineError::Invalid`] with all YAML faults, or with the first value that does not have the shape
    /// of a pipeline.
    pub(crate) fn parse(bytes: &[u8], name: &str) -> Result<Self, PipelineError> {
        let root = yaml::read(bytes).map_err(|faults| {
            let findings = faults
                .into_iter()
                .map(|fault| Finding::new(fault.rule, name, Some(fault.line), &[], &fault.detail));
            PipelineError::Invalid(findings.collect())
        })?;
        // The functions parse the content as JSON. A value that they would reject is rejected here already,
        // with its line.
        match serde_path_to_error::deserialize::<Value, Pipeline>(root.json()) {
            Ok(pipeline) => Ok(Self { name: name.to_owned(), root, pipeline }),
            Err(error) => {
                let path = path_of(error.path());
                let line = root.line_of(path.iter().map(String::as_str));
                let detail = with_fix(&error.inner().to_string());
                Err(PipelineError::Invalid(vec![Finding::new(Rule::Shape, name, Some(line), &path, &detail)]))
            }
        }
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(crate) fn into_pipeline(self) -> Pipeline {
        self.pipeline
    }

    /// The file as a member of an installation, for checks against other files.
    pub(crate) fn member(&self) -> Member<'_> {
        Member { pipeline: &self.pipeline, name: &self.name }
    }

    /// Returns the rules that the file breaks, without regard to other files.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        check(&self.pipeline).iter().map(|problem| self.finding(problem)).collect()
    }

    /// Adds the line of the file to a problem.
    pub(crate) fn finding(&self, problem: &Problem) -> Finding {
        let line = self.root.line_of(problem.path.iter().map(String::as_str));
        Finding::new(problem.rule, &self.name, Some(line), &problem.path, &problem.detail)
    }

    /// Returns the pipeline, or every rule that the file breaks.
    pub(crate) fn checked(self) -> Result<Pipeline, PipelineError> {
        let findings = self.findings();
        if findings.is_empty() { Ok(self.pipeline) } else { Err(PipelineError::Invalid(findings)) }
    }
}

/// Converts serde's path to keys and list indices.
fn path_of(path: &serde_path_to_error::Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Adds a hint on how to fix the value to serde's message, for the most frequent mistakes.
fn with_fix(message: &str) -> String {
    let is_text = message.contains("invalid type: string");
    let fix = if is_text && message.contains("expected a boolean") {
        "; write true or false without quotes"
    } else if is_text && (message.contains("expected u") || message.contains("expected i")) {
        "; write the number without quotes"
    } else if message.contains("invalid type") && message.contains("expected a string") {
        "; put text in quotes"
    } else {
        ""
    };
    format!("{message}{fix}")
}
