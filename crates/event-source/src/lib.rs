//! Event source mappings: the part of AWS Lambda that reads an MSK topic or an SQS queue and invokes a function.
//!
//! - [`Mapping`]: the settings of a Kafka mapping, from Terraform's output; [`QueueMapping`]: those of an SQS mapping.
//! - [`Poller`]: batching, retries, bisecting and giving up, as a state machine without IO and without a clock.
//! - [`Bridge`]: for the local stack. It drives pollers with a real consumer group, polls queues, and runs the
//!   functions.
//!
//! Delivery is at least once, as in AWS. An offset is committed only after its record and all records before it were
//! handled or given up. A message is deleted only after it was handled.

pub mod bridge;
mod mapping;
mod poller;
mod queue;
mod record;
mod response;

pub use bridge::{Bridge, BridgeConfig, BridgeError};
pub use mapping::{InvalidMapping, Mapping, StartingPosition};
pub use poller::{
    Backoff, Batch, Finished, GiveUpReason, GivenUp, Outcome, PAYLOAD_LIMIT, Poller, Rules, Step,
};
pub use queue::QueueMapping;
pub use record::Record;
pub use response::interpret;
