//! Changes in a pipeline file that cannot be made to an existing table.

use std::fmt;

use lake::LakeError;
use warehouse::Misfit;

/// A change that cannot be made in place. If there is any, nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The topic of the pipeline file.
    pub topic: String,
    /// The field that causes it, by its dotted path. `None` if the cause is the table as a whole.
    pub field: Option<String>,
    /// What the table has, and what the file says.
    pub differs: String,
    /// What the operator can do about it.
    pub way_out: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.topic)?;
        if let Some(field) = &self.field {
            write!(f, "field {field}: ")?;
        }
        write!(f, "{} (way out: {})", self.differs, self.way_out)
    }
}

impl Refusal {
    /// Converts the misfit of a Postgres table.
    pub(crate) fn of_table(topic: &str, misfit: Misfit) -> Self {
        let Misfit { field, differs, way_out } = misfit;
        Self { topic: topic.to_owned(), field, differs, way_out }
    }

    /// Converts an error of a Delta table. Returns the error itself if it is not a refusal, for example if S3 cannot be
    /// reached.
    pub(crate) fn of_lake(topic: &str, error: LakeError) -> Result<Self, LakeError> {
        let (field, differs, way_out) = match error {
            LakeError::Schema { table, column, reason } => (
                Some(column),
                format!("Delta table {table}: {reason}"),
                "keep name and type of the old fields (int32 too) and make new ones `nullable: true`, or change `lake.path` \
                 in the pipeline file",
            ),
            error @ LakeError::Partitioning { .. } => (
                None,
                error.to_string(),
                "keep `lake.partition_by` as it was, or change `lake.path` in the pipeline file",
            ),
            error @ LakeError::Unsupported { .. } => {
                (None, error.to_string(), "change `lake.path` in the pipeline file, or drop the feature")
            }
            other => return Err(other),
        };
        Ok(Self { topic: topic.to_owned(), field, differs, way_out: way_out.to_owned() })
    }
}
