//! Stores batches of Kafka topics in their Delta tables, each record exactly once.
//!
//! A batch is decoded into columns by its topic's pipeline file ([`DecodedColumns`]). The records that are new, by the
//! positions in the table, are encoded as files ([`TopicAppend`]). The files and the new positions become visible in
//! one commit.

mod append;
mod columns;
mod decoded;
mod lane;
mod settings;

pub use self::settings::Settings;
pub use append::{AppendError, ToPark, TopicAppend};
pub use decoded::{DecodedColumns, RecordResult, TopicSchema};
pub use lane::{LakeSink, open};
