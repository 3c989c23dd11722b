//! Commits offsets. The metadata of each commit is the partition's mark: the topic's id, the group's start and the lost
//! ranges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use krafka::KrafkaError;
use krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use tokio::sync::watch;

use super::journal::Journal;
use super::status::MappingBoard;

/// Commits `offsets` (partition → next offset) of one topic.
///
/// Fails if the broker refuses the commit, for example because the member has left the group.
pub(super) async fn commit(
    consumer: &Consumer,
    topic: &str,
    journal: &Journal,
    offsets: &BTreeMap<i32, i64>,
) -> Result<(), KrafkaError> {
    let offsets = offsets.iter().map(|(partition, offset)| {
        let mark = journal.mark(*partition).to_string();
        (TopicPartition::new(topic, *partition), OffsetAndMetadata::with_metadata(*offset, mark))
    });
    consumer.commit_offsets(offsets.collect::<Vec<_>>()).await
}

/// Commits the newest progress after each change, one commit at a time.
///
/// `due` holds the offsets that may be committed, by partition. A failed commit is retried with the newest offsets
/// after 200 ms. The task ends when the sender of `due` is dropped.
pub(super) async fn keep_committed(
    consumer: Arc<Consumer>,
    topic: String,
    journal: Journal,
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
            match commit(&consumer, &topic, &journal, &offsets).await {
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
