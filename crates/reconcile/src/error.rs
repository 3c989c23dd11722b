//! Errors of a comparison.

use faults::{Classified, FaultClass};
use kafka::{ConnectError, LagError, class_of};
use krafka::KrafkaError;
use lake::LakeError;
use s3::StoreError;
use warehouse::WarehouseError;

/// The comparison could not be made, so it is unknown whether the lane is complete. A difference that was found is not
/// an error; it is in the [`Verdict`](crate::Verdict).
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The connection to the cluster failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The brokers refused or failed to return a topic's records or configuration.
    #[error("topic {topic} cannot be read")]
    Kafka {
        /// The topic's name.
        topic: String,
        /// The error of the Kafka client.
        source: KrafkaError,
    },
    /// A broker returned no records for too long, although offsets were still missing.
    #[error("topic {topic}: a broker did not return all requested records in time")]
    Unread {
        /// The topic's name.
        topic: String,
    },
    /// The brokers refused or failed to return a topic's offsets.
    #[error(transparent)]
    Offsets(Box<LagError>),
    /// A Delta table cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// S3 refused the request or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Postgres refused the statement or failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A Delta table has no such column, or the column has another type than parquet-writer writes.
    #[error("the table has no column {name} of the type that parquet-writer writes")]
    Column {
        /// The column's name.
        name: String,
    },
    /// The fields of the pipeline file do not match the Postgres table of its `table` section.
    #[error("the fields of the pipeline file do not fit the table {table}")]
    Fields {
        /// The table's name, as in the pipeline file.
        table: String,
    },
    /// An object at a failure destination is not an invocation record.
    #[error("{path} is not an invocation record")]
    GivenUp {
        /// The object's path in the bucket of the parked records.
        path: String,
        /// Why it cannot be parsed.
        source: serde_json::Error,
    },
}

impl ReconcileError {
    /// Returns a function for `map_err` that adds the topic to a Kafka error.
    pub fn kafka(topic: &str) -> impl Fn(KrafkaError) -> Self + '_ {
        move |source| Self::Kafka { topic: topic.to_owned(), source }
    }
}

/// Boxed, because a large error variant makes every `Result` large.
impl From<LagError> for ReconcileError {
    fn from(error: LagError) -> Self {
        Self::Offsets(Box::new(error))
    }
}

impl Classified for ReconcileError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Connect(error) => error.class(),
            Self::Kafka { source, .. } => class_of(source),
            Self::Unread { .. } => FaultClass::Retryable,
            Self::Offsets(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Warehouse(error) => error.class(),
            Self::Column { .. } | Self::Fields { .. } | Self::GivenUp { .. } => FaultClass::Configuration,
        }
    }
}
