//! Pipeline files: what a topic's records hold, where they go, and how a record is decoded by that.
//!
//! One YAML file a topic says everything that is particular to a stream. Terraform hands the same content to the
//! functions as JSON. Validity belongs to the record and its file, not to a sink: every lane of a topic decodes with
//! [`RecordDecoder`] and so parks the same records.

mod check;
mod check_table;
mod decode;
mod field;
mod json;
mod layout;
mod located;
mod number;
mod poison;
mod source;
mod spec;
mod temporal;
mod value;

pub use check::Problem;
pub use decode::RecordDecoder;
pub use field::{Field, FieldType, TimestampFormat};
pub use layout::{Column, Layout};
pub use poison::Poison;
pub use source::{PipelineError, Pipelines};
pub use spec::{
    Batching, Lake, OnRepeat, PartitionColumn, Pipeline, Provisioned, StartingPosition, Table, Topic, Totals,
};
pub use temporal::{parse_date, parse_epoch, parse_timestamp};
pub use value::Value;
