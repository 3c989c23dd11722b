//! Why a section of the board has no figures.

use faults::{Classified, FaultClass};
use function_kit::pipelines::LoadError;
use kafka::LagError;
use lake::LakeError;
use s3::StoreError;
use warehouse::WarehouseError;

/// Why a section has no figures. The page says so where the section stands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoardError {
    #[error("no answer within the time that a section has")]
    Slow,
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    #[error(transparent)]
    Kafka(#[from] LagError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the queue of {function} does not tell its depth: {reason}")]
    Queue { function: String, reason: String },
    #[error(
        "{table}: column {column} has another type than the Spark job gives it; FORECAST_TABLE names the table of that job"
    )]
    ForecastColumn { table: String, column: &'static str },
    #[error(
        "{table}: more than {files} files or {mebibytes} MiB may hold the newest forecast; run OPTIMIZE delta.`{table}`"
    )]
    ForecastFiles { table: String, files: usize, mebibytes: u64 },
    #[error("the log of {function} cannot be read: {reason}")]
    Log { function: String, reason: String },
}

impl Classified for BoardError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Warehouse(error) => error.class(),
            Self::Kafka(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::ForecastColumn { .. } | Self::ForecastFiles { .. } => FaultClass::Configuration,
            Self::Slow | Self::Queue { .. } | Self::Log { .. } => FaultClass::Retryable,
        }
    }
}
