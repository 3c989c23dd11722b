//! Reads offsets from Kafka: where a topic's partitions begin and end, and how far a consumer group is behind.
//!
//! The metadata of a commit holds the id of the topic ([`CommitMark`]). A topic that is deleted and created again keeps
//! its name, but its offsets start again at 0, so a commit for the old topic must not count for the new one.

mod connection;
mod error;
mod mark;
mod reader;

pub use error::LagError;
pub use mark::{CommitMark, TopicId, commit_mark, is_of_another_topic};
pub use reader::{Ends, LagReader, PartitionLag};
