//! Where an assigned partition is read from.

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

/// How long an offset lookup may take.
const LOOKUP: Duration = Duration::from_secs(10);

/// Puts newly assigned partitions at their start.
pub(super) struct StartingPoint {
    pub(super) consumer: OnceLock<Weak<Consumer>>,
    pub(super) admin: AdminClient,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) topic_id: TopicId,
    pub(super) start_at_ms: Option<i64>,
    pub(super) journal: Journal,
    pub(super) status: MappingBoard,
}

impl StartingPoint {
    /// Committed offsets win. A partition without one starts where the mapping says if the group never read the topic.
    /// Otherwise it came later, and starts at its beginning: nothing that was produced before it was noticed is lost.
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
                // The consumer starts at the oldest record by itself.
                (None, None) => {}
            }
        }
        // Written down at once, so that what lies before the start does not count as lag.
        if started.is_empty() {
            return Ok(());
        }
        commit(&consumer, &self.topic, &self.journal, &started).await
    }
}
