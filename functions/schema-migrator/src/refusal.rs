//! What a pipeline file asks for and a table cannot be changed to.

use std::fmt;

use lake::LakeError;
use warehouse::Misfit;

/// One thing that cannot be done in place. Nothing is changed while there is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The topic whose pipeline file asks for it.
    pub topic: String,
    /// The field at fault, by its dotted path; `None` where it is the table as a whole.
    pub field: Option<String>,
    /// What the table has and what the file says.
    pub differs: String,
    /// What to do about it.
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
    /// A table in Postgres.
    pub(crate) fn of_table(topic: &str, misfit: Misfit) -> Self {
        let Misfit { field, differs, way_out } = misfit;
        Self { topic: topic.to_owned(), field, differs, way_out }
    }

    /// A Delta table; the error itself where it is no refusal, such as S3 out of reach.
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
