//! Errors of the board's sections.

use faults::{Classified, FaultClass};
use function_kit::pipelines::LoadError;
use kafka::LagError;
use lake::LakeError;
use s3::StoreError;
use warehouse::WarehouseError;

/// The reason why a section has no figures. The page shows the text in the section.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoardError {
    /// The deadline passed.
    #[error("the figures were not complete in time")]
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
    #[error("cannot read the depth of the queue of {function}: {reason}")]
    Queue { function: String, reason: String },
    /// The path in `FORECAST_TABLE` leads to a table of something else.
    #[error(
        "{table}: column {column} does not have the type that the Spark job writes; set FORECAST_TABLE to that job's table"
    )]
    ForecastColumn { table: String, column: &'static str },
    /// The newest forecast may be in more files, or in more bytes, than one request reads. `OPTIMIZE` merges small files.
    #[error(
        "{table}: more than {files} files or {mebibytes} MiB may hold the newest forecast; run OPTIMIZE delta.`{table}`"
    )]
    ForecastFiles { table: String, files: usize, mebibytes: u64 },
    #[error("cannot read the log of {function}: {reason}")]
    Log { function: String, reason: String },
}

impl Classified for BoardError {
    /// Errors of a source keep their class. Those of the forecast's table need an operator; the others may pass by
    /// themselves.
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
