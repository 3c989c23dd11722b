//! Reads pipelines: from YAML files, or from the JSON list that Terraform passes to the functions.

use std::path::{Path, PathBuf};

use crate::check::check;
use crate::file::PipelineFile;
use crate::finding::{Finding, PipelineError};
use crate::rule::Rule;
use crate::spec::Pipeline;
use crate::together::{Member, check_beside};

/// All pipelines of an installation. They were checked one by one and against each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pipelines(Vec<Pipeline>);

impl Pipelines {
    /// Reads a JSON list of pipelines, in the form in which Terraform passes it to the functions.
    ///
    /// # Errors
    /// [`PipelineError::Invalid`] with the findings of all pipelines.
    pub fn from_json(json: &str) -> Result<Self, PipelineError> {
        let list: Vec<Pipeline> = serde_json::from_str(json).map_err(|error| {
            let finding = Finding::new(Rule::Shape, "pipelines", None, &[], &error.to_string());
            PipelineError::Invalid(vec![finding])
        })?;
        let mut findings = Vec::new();
        for (index, pipeline) in list.iter().enumerate() {
            let topic = &pipeline.topic.name;
            let others: Vec<_> = list[..index]
                .iter()
                .map(|other| Member { pipeline: other, name: &other.topic.name })
                .collect();
            let problems = check(pipeline).into_iter().chain(check_beside(pipeline, &others));
            findings.extend(problems.map(|problem| Finding::of_topic(topic, &problem)));
        }
        if findings.is_empty() { Ok(Self(list)) } else { Err(PipelineError::Invalid(findings)) }
    }

    /// Reads every `*.yaml` file in a folder, sorted by name. Subfolders are ignored.
    ///
    /// # Errors
    /// Those of [`Self::from_files`]. Also [`PipelineError::Invalid`] if the folder has no such file, or has
    /// one that ends in `.yml` or `.YAML`: it would be ignored silently.
    pub fn from_folder(folder: &Path) -> Result<Self, PipelineError> {
        let unreadable = |source| PipelineError::Unreadable { path: folder.to_owned(), source };
        let (mut paths, mut findings) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let is_file = path.is_file();
            if is_file && extension == "yaml" {
                paths.push(path);
            } else if is_file && ["yaml", "yml"].iter().any(|other| extension.eq_ignore_ascii_case(other)) {
                findings.push(Finding::new(Rule::Extension, &path.display().to_string(), None, &[], ""));
            }
        }
        if paths.is_empty() && findings.is_empty() {
            findings.push(Finding::new(Rule::NoFiles, &folder.display().to_string(), None, &[], ""));
        }
        paths.sort();
        Self::read(&paths, findings)
    }

    /// Reads these files, checks each one, and checks them against each other.
    ///
    /// # Errors
    /// [`PipelineError::Invalid`] with the findings of all files; [`PipelineError::Unreadable`] for the first file that
    /// cannot be read from disk.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, PipelineError> {
        Self::read(paths, Vec::new())
    }

    /// Reads and checks the files. A file that cannot be parsed does not prevent the check of the others.
    fn read(paths: &[PathBuf], mut findings: Vec<Finding>) -> Result<Self, PipelineError> {
        let mut files: Vec<PipelineFile> = Vec::new();
        for path in paths {
            match PipelineFile::read(path) {
                Ok(file) => files.push(file),
                Err(PipelineError::Invalid(found)) => findings.extend(found),
                Err(error) => return Err(error),
            }
        }
        for (index, file) in files.iter().enumerate() {
            let others: Vec<_> = files[..index].iter().map(PipelineFile::member).collect();
            findings.extend(file.findings());
            findings
                .extend(check_beside(file.pipeline(), &others).iter().map(|problem| file.finding(problem)));
        }
        if findings.is_empty() {
            Ok(Self(files.into_iter().map(PipelineFile::into_pipeline).collect()))
        } else {
            Err(PipelineError::Invalid(findings))
        }
    }

    /// The pipeline of a topic, or `None` if no file describes it.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> Option<&Pipeline> {
        self.0.iter().find(|pipeline| pipeline.topic.name == topic)
    }

    /// All pipelines, in the order in which they were read.
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
    /// Reads and checks one pipeline file.
    ///
    /// # Errors
    /// [`PipelineError::Invalid`] with every finding; [`PipelineError::Unreadable`] if the file cannot be read from
    /// disk.
    pub fn from_file(path: &Path) -> Result<Self, PipelineError> {
        PipelineFile::read(path)?.checked()
    }

    /// Reads and checks the content of one pipeline file. Findings use `name` as the file's name.
    ///
    /// # Errors
    /// [`PipelineError::Invalid`] with every finding.
    pub fn from_yaml(yaml: &str, name: &str) -> Result<Self, PipelineError> {
        PipelineFile::parse(yaml.as_bytes(), name)?.checked()
    }
}
