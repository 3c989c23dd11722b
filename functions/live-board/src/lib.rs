//! The live board: a page, and small JSON endpoints that the page polls.
//!
//! The board reads its figures from their sources (offsets in Kafka, Postgres, the lake's log, the dead letters, the
//! functions' logs) and writes nothing. Expensive answers are cached for some seconds, for all users together.

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
