//! An event of Lambda's Kafka event source, decoded into per-partition records, and the typed answer to it.
//!
//! Source of the shapes: the Lambda developer guide ("Using Lambda with Amazon MSK") and the sources of
//! `aws_lambda_events`. This crate knows nothing of where records go.

mod batch;
mod decode;
pub mod event;
mod fields;
mod outcome;

pub use batch::{Header, KafkaBatch, PartitionRecords, RecordRef, Redrive, Value};
pub use decode::DecodeError;
pub use outcome::{
    BatchItemFailure, BatchOutcome, BatchResponse, Fault, ItemIdentifier, PartitionOutcome, Tally,
    Unaccounted,
};
