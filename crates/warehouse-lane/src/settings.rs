//! The settings of a function that stores records in Postgres.

use function_kit::pipelines::PipelineSource;
use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// The settings from the environment. The functions' README.md list the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are read from.
    pub pipelines: PipelineSource,
    /// How to connect to the database.
    pub database: DatabaseSettings,
    /// The S3 location below which all lanes park records.
    pub parked_root: S3Location,
    /// Whether the event source mapping uses partial batch responses (`ReportBatchItemFailures`). If not, one record to
    /// retry fails the whole invocation.
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
