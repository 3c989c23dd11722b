//! The errors of a Delta table, and whether a retry can help.

use faults::{Classified, FaultClass};

use s3::StoreError;

/// An error of a Delta table. `table` is always the `s3://` address of the table.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// S3 refused the request or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table requires something from its writers or readers that this crate does not support.
    #[error(
        "{table}: {features} is not supported for {purpose}; write to another table or drop the feature from this one"
    )]
    Unsupported {
        /// The table's address.
        table: String,
        /// The unsupported protocol versions, table features or properties.
        features: String,
        /// `appending`, `reading` or `maintenance`.
        purpose: &'static str,
    },
    /// Properties of the table would make appends unsafe. The message contains the SQL command that removes them.
    #[error(
        "{table}: appending is refused because of table properties: {problems}; remove them with ALTER TABLE delta.`{table}` UNSET TBLPROPERTIES ({keys})"
    )]
    Properties {
        /// The table's address.
        table: String,
        /// Each property with the reason.
        problems: String,
        /// The properties' names, quoted and separated by commas, for the SQL command.
        keys: String,
    },
    /// The pipeline's columns do not match the table's columns.
    #[error("{table}: column {column:?}: {reason}")]
    Schema {
        /// The table's address, or `schema` if the table is not known yet.
        table: String,
        /// The column. A nested one is a dotted path.
        column: String,
        /// Why they do not match.
        reason: String,
    },
    /// The table's partition columns differ from those in the pipeline file.
    #[error(
        "{table} is partitioned by {found:?}, the pipeline says {wanted:?}; partitioning cannot change in place"
    )]
    Partitioning {
        /// The table's address.
        table: String,
        /// The partition columns of the table.
        found: Vec<String>,
        /// The partition columns in the pipeline file.
        wanted: Vec<String>,
    },
    /// The transaction log is damaged. A retry does not help.
    #[error("{table}: the log is damaged: {file}: {reason}")]
    Log {
        /// The table's address.
        table: String,
        /// The file of the log, or the action in it.
        file: String,
        /// What is wrong with the file.
        reason: String,
    },
    /// The log changed while it was read: it ends before the version that was already read, or a version is missing.
    /// Another process has probably cleaned it up, and a retry helps.
    #[error("{table}: the log moved while it was read: {reason}")]
    Moved {
        /// The table's address.
        table: String,
        /// What was found.
        reason: String,
    },
    /// Other writers took every version that this writer tried, until the deadline.
    #[error(
        "{table}: lost {lost} commits to other writers until the deadline; next try at version {version}"
    )]
    Contended {
        /// The table's address.
        table: String,
        /// How many commits this call lost.
        lost: u32,
        /// The version that would have been tried next.
        version: i64,
    },
    /// The plan does not match the files or the table. This is a bug in the caller.
    #[error("{table}: {reason}")]
    Plan {
        /// The table's address.
        table: String,
        /// What does not match.
        reason: String,
    },
    /// Arrow or Parquet returned an error.
    #[error("parquet: {context}: {source}")]
    Parquet {
        /// The operation that failed.
        context: String,
        /// The error of the Parquet library.
        source: parquet::errors::ParquetError,
    },
    /// There is no Delta table at the address.
    #[error("{table}: there is no Delta table")]
    NoTable {
        /// The table's address.
        table: String,
    },
}

impl LakeError {
    /// Adds the table's address to an error about columns that was found before the table was known.
    pub(crate) fn in_table(self, table: &str) -> Self {
        match self {
            Self::Schema { column, reason, .. } => Self::Schema { table: table.to_owned(), column, reason },
            other => other,
        }
    }
}

impl Classified for LakeError {
    // Only S3, a moved log and lost races can go away without an operator.
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
