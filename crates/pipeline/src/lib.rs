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
mod decode;
mod field;
mod file;
mod json;
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
pub use layout::{Column, Layout};
pub use poison::Poison;
pub use postgres::OWN_TABLES;
pub use rule::Rule;
pub use source::{Finding, PipelineError, Pipelines};
pub use spec::{
    Batching, Lake, OnRepeat, PartitionColumn, Pipeline, Provisioned, StartingPosition, Table, Topic, Totals,
    Upkeep,
};
pub use temporal::{parse_date, parse_epoch, parse_timestamp};
pub use value::Value;
