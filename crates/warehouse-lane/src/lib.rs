//! Kafka → Postgres, each record once: a topic's part of a batch, its poison and its positions in one transaction.
//!
//! What a row is belongs to the function: it decodes the records ([`Decoded`]) and stores those that are new. Which are
//! new, what is parked, and what happens to a record that Postgres cannot hold, is decided here, for all such lanes alike.

mod error;
mod known;
mod settings;
mod transaction;

pub use self::settings::Settings;
pub use error::LaneError;
pub use transaction::{Decoded, Place, Sink};
