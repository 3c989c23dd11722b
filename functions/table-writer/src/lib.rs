//! Stores batches of Kafka topics in Postgres tables, each record exactly once.
//!
//! A batch is decoded by its topic's pipeline file and stored with one statement. The rows and the new
//! positions are written in one transaction ([`warehouse_lane::open`]).

mod rows;
mod topic;

pub use rows::DecodedRows;
pub use topic::TableTopic;
