//! The settings of the function.

use std::time::Duration;

use function_kit::pipelines::PipelineSource;
use s3::S3Location;
use settings::Environment;

/// The settings from the environment. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are read from.
    pub pipelines: PipelineSource,
    /// The S3 location of all Delta tables. From `LAKE_ROOT`.
    pub lake_root: S3Location,
    /// The minimum age of a file that a vacuum deletes. A younger one may belong to a commit that is being made. From
    /// `YOUNGEST_MINUTES`.
    pub youngest: Duration,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let lake_root = environment.required("LAKE_ROOT", "s3://bucket/prefix of the tables");
        let youngest = environment.optional("YOUNGEST_MINUTES", 60_u64);
        if youngest.is_some_and(|minutes| !(15..=44_640).contains(&minutes)) {
            environment
                .problem("YOUNGEST_MINUTES must be 15 to 44640: no function runs longer than 15 minutes");
        }
        Some(Self {
            pipelines: pipelines?,
            lake_root: lake_root?,
            youngest: Duration::from_secs(youngest? * 60),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let environment: Environment = [("YOUNGEST_MINUTES", "5")].into_iter().collect();
        let error = environment.settings::<Settings>().unwrap_err().to_string();
        for name in ["HEADWATER_PIPELINES", "LAKE_ROOT", "YOUNGEST_MINUTES"] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }
}
