//! Batches of Kafka topics → running totals in Postgres, each record once.
//!
//! A batch is decoded by its topic's pipeline file and summed by key ([`Counted`]); the sums and the new positions are
//! written in one transaction ([`open`]).

mod counted;
mod lane;

pub use counted::{Counted, Fate, TopicSums};
pub use lane::open;
