//! Stores records from Kafka in Postgres exactly once. The records of a topic in a batch, and the new
//! positions, are written in one transaction.
//!
//! The function decodes the records ([`DecodedRecords`]) and stores the new ones as rows. This crate does the
//! rest in the same way for all such lanes: it decides which records are new, parks the ones that cannot be
//! decoded, and finds and parks the ones that Postgres refuses.

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
