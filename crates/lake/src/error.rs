//! What can go wrong with a table, and what to do about it.

use faults::{Classified, FaultClass};

use s3::StoreError;

/// A fault of a Delta table. `table` is always the table's `s3://` address.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// S3 refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table asks its writers (or readers) for something that this crate does not do.
    #[error(
        "{table}: {features} is not supported for {purpose}; write to another table or drop the feature from this one"
    )]
    Unsupported {
        /// The table.
        table: String,
        /// What is not supported: protocol versions, table features or properties.
        features: String,
        /// `appending` or `reading`.
        purpose: &'static str,
    },
    /// Properties of the table endanger what is appended to it.
    #[error(
        "{table}: appending is refused because of table properties: {problems}; remove them with ALTER TABLE delta.`{table}` UNSET TBLPROPERTIES ({keys})"
    )]
    Properties {
        /// The table.
        table: String,
        /// Each property with its reason.
        problems: String,
        /// The properties as SQL lists them.
        keys: String,
    },
    /// The pipeline's columns and the table's do not fit.
    #[error("{table}: column {column:?}: {reason}")]
    Schema {
        /// The table, or `schema` when there is no table yet.
        table: String,
        /// The column (a dotted path when nested).
        column: String,
        /// Why they do not fit.
        reason: String,
    },
    /// The table's partition columns are not the pipeline's.
    #[error(
        "{table} is partitioned by {found:?}, the pipeline says {wanted:?}; partitioning cannot change in place"
    )]
    Partitioning {
        /// The table.
        table: String,
        /// The table's partition columns.
        found: Vec<String>,
        /// The pipeline's.
        wanted: Vec<String>,
    },
    /// The transaction log is damaged.
    #[error("{table}: the log is damaged: {file}: {reason}")]
    Log {
        /// The table.
        table: String,
        /// The file of the log.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The log ends below the version that was already read, or a version is missing in between.
    #[error("{table}: the log moved while it was read: {reason}")]
    Moved {
        /// The table.
        table: String,
        /// What was seen.
        reason: String,
    },
    /// Other writers were faster until the deadline.
    #[error(
        "{table}: lost {lost} commits to other writers until the deadline; next try at version {version}"
    )]
    Contended {
        /// The table.
        table: String,
        /// Commits lost in this call.
        lost: u32,
        /// The version that was to be tried next.
        version: i64,
    },
    /// The plan and the files do not fit the table: a defect of the caller.
    #[error("{table}: {reason}")]
    Plan {
        /// The table.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// Arrow or Parquet refused.
    #[error("parquet: {context}: {source}")]
    Parquet {
        /// What was being done.
        context: String,
        /// Parquet's own message.
        source: parquet::errors::ParquetError,
    },
    /// There is no table at the address.
    #[error("{table}: there is no Delta table")]
    NoTable {
        /// The address.
        table: String,
    },
}

impl LakeError {
    /// A fault of columns that was found before the table was known.
    pub(crate) fn in_table(self, table: &str) -> Self {
        match self {
            Self::Schema { column, reason, .. } => Self::Schema { table: table.to_owned(), column, reason },
            other => other,
        }
    }
}

impl Classified for LakeError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Store(fault) => fault.class(),
            Self::Moved { .. } | Self::Contended { .. } => FaultClass::Retryable,
            Self::Unsupported { .. }
            | Self::Properties { .. }
            | Self::Schema { .. }
            | Self::Partitioning { .. }
            | Self::Log { .. }
            | Self::Plan { .. }
            | Self::Parquet { .. }
            | Self::NoTable { .. } => FaultClass::Configuration,
        }
    }
}
