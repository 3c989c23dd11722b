//! Stores records from Kafka in Postgres exactly once. The records of a topic in a batch, and the new positions, are
//! written in one transaction.
//!
//! The function decodes the records ([`Decoded`]) and stores the new ones as rows. This crate does the rest in the same
//! way for all such lanes: it decides which records are new, parks the ones that cannot be decoded, and finds and parks
//! the ones that Postgres refuses.

mod error;
mod known;
mod settings;
mod transaction;

pub use error::LaneError;
pub use settings::Settings;
pub use transaction::{Decoded, Place, Sink};
