//! Event source mappings: what AWS does between an MSK topic, or an SQS queue, and a Lambda function.
//!
//! - [`Mapping`]: the settings of one Kafka mapping, as Terraform puts them out; [`QueueMapping`]: those of a queue's.
//! - [`Poller`]: batching, retrying, bisecting and giving up as a state machine without IO and without a clock.
//! - [`Bridge`]: drives pollers with a real consumer group, polls queues, and runs the functions here, for the local stack.
//!
//! Delivery is at least once, as in AWS: an offset is committed only after its record and all before it were
//! handled or given up, and a message is deleted only after it was handled.

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
