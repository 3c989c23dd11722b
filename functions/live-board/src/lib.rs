//! The live board: a page, and small JSON endpoints that it asks again and again.
//!
//! Everything is read where it lies (Kafka's books, Postgres, the lake's log, the dead letters, the functions' logs);
//! nothing is written. What is dear to read is kept for some seconds, whoever asks.

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

pub use self::settings::{Queue, Settings};
pub use board::Board;
