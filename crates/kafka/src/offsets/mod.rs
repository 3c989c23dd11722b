//! Kafka's own books: where a topic's partitions begin and end, and how far a consumer group is behind.
//!
//! Commits carry the id of the topic that they were made for ([`CommitMark`]), because a topic that was deleted and
//! created again has the same name and other offsets.

mod connection;
mod error;
mod mark;
mod reader;

pub use error::LagError;
pub use mark::{CommitMark, TopicId, commit_mark, is_of_another_topic};
pub use reader::{Ends, LagReader, PartitionLag};
