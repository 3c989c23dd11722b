//! Decides where reading of a newly assigned partition starts.

use std::collections::BTreeMap;
use std::sync::{OnceLock, Weak};
use std::time::Duration;

use kafka::{TopicId, is_of_another_topic};
use krafka::KrafkaError;
use krafka::admin::{AdminClient, ListConsumerGroupOffsetsOptions};
use krafka::consumer::{Consumer, TopicPartition};

use super::commit::commit;
use super::journal::Journal;
use super::status::MappingBoard;

/// The longest time of an offset lookup.
const LOOKUP: Duration = Duration::from_secs(10);

/// Seeks newly assigned partitions to their first offset.
pub(super) struct StartingPoint {
    /// Set after the consumer was built, because the consumer's listener needs this struct first.
    pub(super) consumer: OnceLock<Weak<Consumer>>,
    /// Reads the group's committed offsets with their metadata.
    pub(super) admin: AdminClient,
    pub(super) group: String,
    pub(super) topic: String,
    /// A commit with another id in its metadata belongs to a deleted topic of the same name. It is ignored.
    pub(super) topic_id: TopicId,
    /// The time of `AT_TIMESTAMP`, in milliseconds since the Unix epoch; `None` for `TRIM_HORIZON`.
    pub(super) start_at_ms: Option<i64>,
    pub(super) journal: Journal,
    pub(super) status: MappingBoard,
}

impl StartingPoint {
    /// A partition with a committed offset starts there. A partition without one starts at the mapping's starting
    /// position if the group has no commit in the topic at all. Otherwise the partition was added later and starts at
    /// its beginning, so that records produced before the bridge noticed the partition are not lost.
    ///
    /// Fails if the broker does not answer within [`LOOKUP`]. The caller retries, because a partition must not be read
    /// from a wrong offset.
    pub(super) async fn seek(&self, partitions: &[TopicPartition]) -> Result<(), KrafkaError> {
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else { return Ok(()) };
        let options = ListConsumerGroupOffsetsOptions::default().timeout(LOOKUP);
        let committed = self.admin.list_consumer_group_offsets(self.group.as_str(), options).await?;
        let begun = committed.iter().any(|(of, found)| {
            of.topic == self.topic && found.as_ref().is_ok_and(|found| found.offset.is_some())
        });
        let start_at_ms = self.start_at_ms.filter(|_| !begun);
        let mut started = BTreeMap::new();
        for partition in partitions {
            let found = match committed.get(partition) {
                Some(Ok(found)) => found.offset.map(|offset| (offset, found.metadata.as_deref())),
                Some(Err(error)) => return Err(error.clone()),
                None => None,
            };
            let foreign = found.is_some_and(|(_, metadata)| is_of_another_topic(metadata, self.topic_id));
            let number = partition.partition;
            self.journal.assigned(number, found.filter(|_| !foreign));
            self.status.lost(number, &self.journal.mark(number));
            match (found, start_at_ms) {
                (Some(_), _) if !foreign => {}
                (_, Some(time)) => {
                    match consumer.seek_to_timestamp(&self.topic, number, time).await {
                        Err(KrafkaError::NoOffset { .. }) => {
                            consumer.seek_to_end(&self.topic, number).await?;
                        }
                        other => other?,
                    }
                    if let Some(position) = consumer.position(&self.topic, number).await {
                        self.journal.read(number, position, position);
                        started.insert(number, position);
                    }
                }
                (Some(_), None) => consumer.seek_to_beginning(&self.topic, number).await?,
                // Without a seek, the consumer starts at the oldest record.
                (None, None) => {}
            }
        }
        // The start is committed at once, so that records before it do not count as lag.
        if started.is_empty() {
            return Ok(());
        }
        commit(&consumer, &self.topic, &self.journal, &started).await
    }
}
