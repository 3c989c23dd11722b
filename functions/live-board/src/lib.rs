//! The live board: a page, and small JSON endpoints that the page polls.
//!
//! The board reads its figures from their sources: offsets in Kafka, tables in Postgres, the logs of the Delta
//! tables, the dead letters on S3, the depths of queues, and the functions' logs. It writes nothing. Expensive
//! answers are cached for some seconds and shared by all users.

mod board;
mod error;
mod errors;
mod fleet;
mod forecast;
mod kept;
mod lake_tables;
mod lanes;
mod page;
mod parked;
mod proof;
mod settings;
mod sources;
mod totals;
mod waiting;

pub use self::settings::{Queue, Settings};
pub use board::Board;
