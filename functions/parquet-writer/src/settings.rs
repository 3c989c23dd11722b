//! The settings of the function.

use function_kit::pipelines::PipelineSource;
use s3::S3Location;
use settings::Environment;

/// The settings from the environment. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are read from.
    pub pipelines: PipelineSource,
    /// The S3 location of all Delta tables.
    pub lake_root: S3Location,
    /// The S3 location below which all lanes park records.
    pub parked_root: S3Location,
    /// Whether the event source mapping uses partial batch responses (`ReportBatchItemFailures`). If not, one record to
    /// retry fails the whole invocation.
    pub partial_batch_response: bool,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let lake_root = environment.required("LAKE_ROOT", "s3://bucket/prefix of the tables");
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let partial_batch_response = environment.optional("PARTIAL_BATCH_RESPONSE", false);
        Some(Self {
            pipelines: pipelines?,
            lake_root: lake_root?,
            parked_root: parked_root?,
            partial_batch_response: partial_batch_response?,
        })
    }
}
