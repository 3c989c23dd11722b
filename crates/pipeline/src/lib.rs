//! Pipeline files: what a topic's records hold, where they go, and how a record is decoded by that.
//!
//! One YAML file a topic says everything that is particular to a stream. Terraform hands the same content to the
//! functions as JSON. Validity belongs to the record and its file, not to a sink: every lane of a topic decodes with
//! [`RecordDecoder`] and so parks the same records.

mod check;
mod check_lake;
mod check_table;
mod check_totals;
mod checker;
mod decode;
mod field;
mod file;
mod finding;
mod json;
mod lanes;
mod layout;
mod node;
mod number;
mod poison;
mod postgres;
mod rule;
mod scalar;
mod source;
mod spec;
mod temporal;
mod together;
mod value;
mod yaml;

pub use decode::RecordDecoder;
pub use field::{Field, FieldType, TimestampFormat};
pub use finding::{Finding, PipelineError};
pub use lanes::Sink;
pub use layout::{Column, Layout};
pub use poison::Poison;
pub use postgres::OWN_TABLES;
pub use rule::Rule;
pub use source::Pipelines;
pub use spec::{
    Batching, LakeSection, OnRepeat, PartitionColumn, Pipeline, Provisioned, StartingPosition, TableSection,
    TopicSection, TotalsSection, UpkeepSection,
};
pub use temporal::{parse_date, parse_epoch, parse_timestamp};
pub use value::Value;
