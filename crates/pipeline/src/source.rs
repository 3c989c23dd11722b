//! Where pipelines come from: YAML files for people and Terraform, JSON for the functions.

use std::path::{Path, PathBuf};

use crate::check::{Problem, check};
use crate::located::line_of;
use crate::spec::Pipeline;

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
    /// The content is wrong; each problem is a line that says where.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// All pipelines of an installation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pipelines(Vec<Pipeline>);

impl Pipelines {
    /// Reads a JSON list of pipelines, as Terraform hands it to the functions.
    pub fn from_json(json: &str) -> Result<Self, PipelineError> {
        let list: Vec<Pipeline> =
            serde_json::from_str(json).map_err(|error| PipelineError::Invalid(vec![error.to_string()]))?;
        let problems: Vec<_> = list
            .iter()
            .flat_map(|pipeline| {
                check(pipeline)
                    .into_iter()
                    .map(|problem| format!("{}: {}", pipeline.topic.name, plain(&problem)))
            })
            .collect();
        if problems.is_empty() { Self::distinct(list) } else { Err(PipelineError::Invalid(problems)) }
    }

    /// Reads every `*.yaml` of a folder, in the order of their names.
    pub fn from_folder(folder: &Path) -> Result<Self, PipelineError> {
        let unreadable = |source| PipelineError::Unreadable { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                paths.push(path);
            }
        }
        paths.sort();
        let (mut pipelines, mut problems) = (Vec::new(), Vec::new());
        for path in paths {
            match Pipeline::from_file(&path) {
                Ok(pipeline) => pipelines.push(pipeline),
                Err(PipelineError::Invalid(found)) => problems.extend(found),
                Err(error) => return Err(error),
            }
        }
        if problems.is_empty() { Self::distinct(pipelines) } else { Err(PipelineError::Invalid(problems)) }
    }

    /// Two files that claim one topic or one sink would count its records twice.
    fn distinct(list: Vec<Pipeline>) -> Result<Self, PipelineError> {
        let mut problems = Vec::new();
        for (index, pipeline) in list.iter().enumerate() {
            for other in &list[..index] {
                let (ours, theirs) = (&pipeline.topic.name, &other.topic.name);
                if ours == theirs {
                    problems.push(format!("{ours}: two pipeline files describe this topic"));
                }
                if let (Some(a), Some(b)) = (&pipeline.lake, &other.lake)
                    && a.path == b.path
                {
                    problems.push(format!("{ours}: lake.path `{}` is that of {theirs}", a.path));
                }
                for (key, table) in tables(pipeline) {
                    if tables(other).any(|(_, theirs)| theirs == table) {
                        problems.push(format!("{ours}: {key} `{table}` is that of {theirs}"));
                    }
                }
            }
        }
        if problems.is_empty() { Ok(Self(list)) } else { Err(PipelineError::Invalid(problems)) }
    }

    /// The pipeline of a topic.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> Option<&Pipeline> {
        self.0.iter().find(|pipeline| pipeline.topic.name == topic)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Pipeline> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Pipelines {
    type Item = &'a Pipeline;
    type IntoIter = std::slice::Iter<'a, Pipeline>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Pipeline {
    /// Reads a pipeline file.
    pub fn from_file(path: &Path) -> Result<Self, PipelineError> {
        let yaml = std::fs::read_to_string(path)
            .map_err(|source| PipelineError::Unreadable { path: path.to_owned(), source })?;
        Self::from_yaml(&yaml, &path.display().to_string())
    }

    /// Reads a pipeline file's content; `name` is what problems call the file.
    pub fn from_yaml(yaml: &str, name: &str) -> Result<Self, PipelineError> {
        let pipeline: Self = serde_saphyr::from_str(yaml)
            .map_err(|error| PipelineError::Invalid(vec![format!("{name}: {error}")]))?;
        let problems: Vec<_> = check(&pipeline)
            .iter()
            .map(|problem| {
                let line = line_of(yaml, &problem.path).unwrap_or(1);
                format!("{name}:{line}: {}", plain(problem))
            })
            .collect();
        if problems.is_empty() { Ok(pipeline) } else { Err(PipelineError::Invalid(problems)) }
    }
}

fn plain(problem: &Problem) -> String {
    match problem.path.as_slice() {
        [] => problem.message.clone(),
        path => format!("{}: {}", path.join("."), problem.message),
    }
}

/// The tables in Postgres that a pipeline fills, by the keys that name them.
fn tables(pipeline: &Pipeline) -> impl Iterator<Item = (&'static str, &String)> {
    let totals = pipeline.totals.as_ref().map(|totals| ("totals.table", &totals.table));
    totals.into_iter().chain(pipeline.table.as_ref().map(|table| ("table.name", &table.name)))
}
