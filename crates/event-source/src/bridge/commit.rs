//! Commits that know their topic.
//!
//! A topic that was deleted and created again has the same name and other offsets. So every commit carries the
//! topic's id as its metadata, and a commit with another id is none.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use krafka::KrafkaError;
use krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use tokio::sync::watch;

use super::status::MappingBoard;

/// The id that Kafka gives a topic when it is created.
pub(crate) type TopicId = [u8; 16];

const MARK: &str = "topic-id:";

/// The metadata of a commit for this topic.
pub(crate) fn commit_mark(topic_id: TopicId) -> String {
    topic_id.iter().fold(String::from(MARK), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a commit with this metadata was made for another topic of the same name. One without a mark (made by
/// other tools, for example to reset a position) counts.
pub(crate) fn is_of_another_topic(metadata: Option<&str>, topic_id: TopicId) -> bool {
    metadata.is_some_and(|metadata| metadata.starts_with(MARK) && metadata != commit_mark(topic_id))
}

/// Commits `offsets` of one topic.
pub(super) async fn commit(
    consumer: &Consumer,
    topic: &str,
    topic_id: TopicId,
    offsets: &BTreeMap<i32, i64>,
) -> Result<(), KrafkaError> {
    let mark = commit_mark(topic_id);
    let offsets = offsets.iter().map(|(partition, offset)| {
        (TopicPartition::new(topic, *partition), OffsetAndMetadata::with_metadata(*offset, mark.as_str()))
    });
    consumer.commit_offsets(offsets.collect::<Vec<_>>()).await
}

/// Commits the newest progress whenever it changes, one commit at a time.
pub(super) async fn keep_committed(
    consumer: Arc<Consumer>,
    topic: String,
    topic_id: TopicId,
    mut due: watch::Receiver<BTreeMap<i32, i64>>,
    status: MappingBoard,
) {
    let mut committed = BTreeMap::new();
    while due.changed().await.is_ok() {
        loop {
            let mut offsets = due.borrow_and_update().clone();
            offsets.retain(|partition, offset| committed.get(partition) != Some(offset));
            if offsets.is_empty() {
                break;
            }
            match commit(&consumer, &topic, topic_id, &offsets).await {
                Ok(()) => {
                    status.committed(&offsets);
                    committed.extend(offsets);
                    break;
                }
                Err(error) => {
                    status.failed(format!("commit: {error}"));
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_counts_unless_it_was_made_for_another_topic() {
        let id = [7; 16];
        assert!(!is_of_another_topic(None, id));
        assert!(!is_of_another_topic(Some(""), id));
        assert!(!is_of_another_topic(Some("set by hand"), id));
        assert!(!is_of_another_topic(Some(&commit_mark(id)), id));
        assert!(is_of_another_topic(Some(&commit_mark([8; 16])), id));
    }
}
