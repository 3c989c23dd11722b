//! Kafka → Postgres, each record once: a topic's part of a batch, its poison and its positions in one transaction.
//!
//! The function says how its topics are decoded and how their records are stored ([`WarehouseTopic`], [`DecodedRecords`]).
//! This crate decides which records are new, which are parked, and what happens to a record that Postgres cannot hold.

mod decoded;
mod error;
mod known;
mod settings;
mod sink;
mod transaction;

pub use self::settings::Settings;
pub use decoded::{DecodedRecords, RecordIndex};
pub use error::LaneError;
pub use sink::{Fingerprinted, WarehouseTopic, WarehouseTopics, open};
