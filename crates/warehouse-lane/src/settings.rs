//! The settings of a function whose lane ends in Postgres.

use function_kit::pipelines::PipelineSource;
use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// See the functions' README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline files.
    pub pipelines: PipelineSource,
    /// The database.
    pub database: DatabaseSettings,
    /// The root of all dead letters.
    pub parked_root: S3Location,
    /// Whether the mapping reads `batchItemFailures`.
    pub partial_batch_response: bool,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let partial_batch_response = environment.optional("PARTIAL_BATCH_RESPONSE", false);
        Some(Self {
            pipelines: pipelines?,
            database: database?,
            parked_root: parked_root?,
            partial_batch_response: partial_batch_response?,
        })
    }
}
