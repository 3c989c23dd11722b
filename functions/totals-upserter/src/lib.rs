//! Adds batches of Kafka topics to running totals in Postgres, each record exactly once.
//!
//! A batch is decoded by its topic's pipeline file and summed per key ([`Counted`]). The sums and the new
//! positions are written in one transaction ([`warehouse_lane::open`]).

mod counted;
mod topic;

pub use counted::{Counted, RecordResult, TopicSums};
pub use topic::{DecodedAmounts, TotalsTopic};
