//! Why something could not be compared.

use faults::{Classified, FaultClass};
use kafka::{ConnectError, LagError, class_of};
use krafka::KrafkaError;
use lake::LakeError;
use s3::StoreError;
use warehouse::WarehouseError;

/// A fault that leaves it unknown whether a lane holds what Kafka took. A difference that was found is no fault.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// There is no connection to the cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The brokers did not give a topic's records or configuration.
    #[error("topic {topic} cannot be read")]
    Kafka {
        /// The topic.
        topic: String,
        /// Why.
        source: KrafkaError,
    },
    /// A broker brought nothing for too long.
    #[error("topic {topic}: a broker did not give all the records that were asked for")]
    Unread {
        /// The topic.
        topic: String,
    },
    /// The brokers did not give a topic's offsets.
    #[error(transparent)]
    Offsets(Box<LagError>),
    /// A Delta table cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// S3 refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database refused or failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A Delta table does not have a column as parquet-writer writes it.
    #[error("the table's column {name} is not there, or not as parquet-writer writes it")]
    Column {
        /// The column.
        name: String,
    },
    /// The fields of the pipeline file do not make the table of its `table` section.
    #[error("the fields of the pipeline file do not fit the table {table}")]
    Fields {
        /// The table.
        table: String,
    },
    /// An object at a mapping's failure destination cannot be read.
    #[error("{path} is not an invocation record")]
    GivenUp {
        /// Its path in the bucket of the parked records.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl ReconcileError {
    /// A fault of `topic`, for `map_err`.
    pub fn kafka(topic: &str) -> impl Fn(KrafkaError) -> Self + '_ {
        move |source| Self::Kafka { topic: topic.to_owned(), source }
    }
}

/// Boxed: the largest of the faults would make every result large.
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
