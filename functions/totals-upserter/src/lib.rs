//! Adds batches of Kafka topics to running totals in Postgres, each record exactly once.
//!
//! A batch is decoded by its topic's pipeline file and summed per key ([`Counted`]). The sums and the new positions are
//! written in one transaction ([`open`]).

mod counted;
mod lane;

pub use counted::{Counted, Fate, TopicSums};
pub use lane::open;
