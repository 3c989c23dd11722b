//! The Kafka event source mapping: what AWS does between an MSK topic and a Lambda function.
//!
//! - [`Mapping`]: one mapping's settings, as Terraform puts them out.
//! - [`Poller`]: batching, retrying, bisecting and giving up as a state machine without IO and without a clock.
//! - [`Bridge`]: drives pollers with a real consumer group and functions that run here, for the local stack.
//!
//! Delivery is at least once, as in AWS: an offset is committed only after its record and all before it were
//! handled or given up.

pub mod bridge;
mod mapping;
mod poller;
mod record;
mod response;

pub use bridge::{Bridge, BridgeConfig, BridgeError};
pub use mapping::{InvalidMapping, Mapping, StartingPosition};
pub use poller::{
    Backoff, Batch, Finished, GiveUpReason, GivenUp, Outcome, PAYLOAD_LIMIT, Poller, Rules, Step,
};
pub use record::Record;
pub use response::interpret;
