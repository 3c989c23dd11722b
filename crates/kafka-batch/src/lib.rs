//! Decodes an event of Lambda's Kafka event source into records per partition, and builds the typed response.
//!
//! Sources of the shapes: the Lambda developer guide ("Using Lambda with Amazon MSK") and the source code of
//! `aws_lambda_events`. This crate does not know where the records are stored.

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
