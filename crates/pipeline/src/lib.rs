//! Reads and checks pipeline files, and decodes a topic's records as the file describes them.
//!
//! There is one YAML file per topic. It describes the record's fields and the sinks that store them. Terraform reads
//! the same file and passes its content to the functions as JSON.
//!
//! Whether a record is valid depends on the record and its pipeline file only, never on the sink. Every lane of a topic
//! decodes with [`RecordDecoder`], so every lane parks the same records.

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
