//! Batches of Kafka topics → their Delta tables, each record once.
//!
//! A batch is decoded by its topic's pipeline file into columns ([`DecodedColumns`]); what is new to the table's committed
//! positions is cut into files ([`TopicAppend`]); the files and the new positions become visible in one commit.

mod append;
mod columns;
mod decoded;
mod lane;
mod settings;

pub use self::settings::Settings;
pub use append::{AppendError, ToPark, TopicAppend};
pub use decoded::{DecodedColumns, RecordResult, TopicSchema};
pub use lane::{LakeSink, open};
