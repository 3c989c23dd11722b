//! The function's settings.

use function_kit::pipelines::PipelineSource;
use s3::S3Location;
use settings::Environment;

/// See README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline files.
    pub pipelines: PipelineSource,
    /// The root of all tables.
    pub lake_root: S3Location,
    /// The root of all dead letters.
    pub parked_root: S3Location,
    /// Whether the mapping reads `batchItemFailures`.
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
