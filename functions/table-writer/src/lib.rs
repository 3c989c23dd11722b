//! Batches of Kafka topics → tables in Postgres, each record once.
//!
//! A batch is decoded by its topic's pipeline file and stored in one statement; rows and the new positions are one
//! transaction ([`warehouse_lane`]).

mod rows;
mod topic;

pub use rows::DecodedRows;
pub use topic::TableTopic;
