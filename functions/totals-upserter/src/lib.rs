//! Batches of Kafka topics → running totals in Postgres, each record once.
//!
//! A batch is decoded by its topic's pipeline file and summed by key ([`Counted`]); the sums and the new positions are
//! written in one transaction ([`warehouse_lane`]).

mod counted;
mod topic;

pub use counted::{Counted, RecordResult, TopicSums};
pub use topic::{DecodedAmounts, TotalsTopic};
