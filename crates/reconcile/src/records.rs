//! Reads single records from Kafka again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, IsolationLevel};
use positions::OffsetRanges;

use crate::{Cluster, ReconcileError};

/// How long to wait for a broker that returns nothing while offsets are still missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(500);

/// The maximum number of records per poll.
const POLLED: i32 = 10_000;

/// A gap of up to this many offsets is read and ignored. A larger one is skipped with a seek, which costs a request.
const NEAR: i64 = 20_000;

/// Reads chosen records of a topic, one partition after another. It reads only committed records: transaction markers,
/// aborted records and compacted records are not returned.
pub struct Reader {
    /// The topic of all requests and errors.
    topic: String,
    /// A consumer without a group, so that reading changes nothing in the cluster.
    consumer: Consumer,
    /// The offsets that are still to be read.
    left: BTreeMap<i32, OffsetRanges>,
    /// The offsets that the broker did not return in time.
    unread: BTreeMap<i32, OffsetRanges>,
    /// The consumer's last position, and when it was reached.
    reached: (Option<i64>, Instant),
}

impl Reader {
    /// Connects and starts to read. `wanted` are the offsets by partition.
    ///
    /// # Errors
    /// [`ReconcileError::Connect`] if no broker can be reached; [`ReconcileError::Kafka`] if a broker refuses
    /// a request.
    pub async fn open(
        cluster: &Cluster,
        topic: &str,
        wanted: &BTreeMap<i32, OffsetRanges>,
    ) -> Result<Self, ReconcileError> {
        let kafka = cluster.connect().await?;
        let consumer = kafka
            .consumer_without_group()
            // Skips offsets that Kafka deletes while they are being read.
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .isolation_level(IsolationLevel::ReadCommitted)
            .max_poll_records(POLLED)
            .metrics_push(false)
            .build()
            .await
            .map_err(ReconcileError::kafka(topic))?;
        let mut left = wanted.clone();
        left.retain(|_, ranges| !ranges.is_empty());
        let mut reader = Self {
            topic: topic.to_owned(),
            consumer,
            left,
            unread: BTreeMap::new(),
            reached: (None, Instant::now()),
        };
        reader.begin_partition().await?;
        Ok(reader)
    }

    /// Returns the next non-empty list of wanted records, or `None` at the end.
    ///
    /// # Errors
    /// [`ReconcileError::Kafka`] if a broker refuses or fails. Offsets that are not returned in time are no error; see
    /// [`Self::unread()`].
    pub async fn next(&mut self) -> Result<Option<Vec<ConsumerRecord>>, ReconcileError> {
        while let Some((&partition, wanted)) = self.left.first_key_value() {
            let polled = self.consumer.poll(POLL).await;
            let mut records = polled.map_err(ReconcileError::kafka(&self.topic))?;
            records.retain(|record| record.partition == partition && wanted.contains(record.offset));
            self.pass(partition).await?;
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    /// The offsets that the broker did not return in time. It is unknown whether they hold a record.
    #[must_use]
    pub fn unread(&self) -> &BTreeMap<i32, OffsetRanges> {
        &self.unread
    }

    /// Returns the oldest offset that the partition has now.
    ///
    /// # Errors
    /// [`ReconcileError::Kafka`] if the broker refuses the request or does not answer.
    pub async fn beginning(&self, partition: i32) -> Result<i64, ReconcileError> {
        let watermarks = self.consumer.fetch_watermarks(&self.topic, partition).await;
        Ok(watermarks.map_err(ReconcileError::kafka(&self.topic))?.0)
    }

    /// Closes the connection.
    pub async fn close(self) {
        // The consumer is in no group, so a failed close has no effect on the cluster.
        let _ = self.consumer.close().await;
    }

    /// Removes the offsets that the consumer has passed. Its position also moves past offsets without a record.
    async fn pass(&mut self, partition: i32) -> Result<(), ReconcileError> {
        let Some(wanted) = self.left.get_mut(&partition) else { return Ok(()) };
        let position = self.consumer.position(&self.topic, partition).await;
        if position != self.reached.0 {
            self.reached = (position, Instant::now());
        }
        if let Some(position) = position {
            wanted.remove(&(i64::MIN..position));
        }
        if self.reached.1.elapsed() > PATIENCE {
            self.unread.insert(partition, std::mem::take(wanted));
        }
        let next = wanted.iter().next().map(|range| range.start);
        match (next, position) {
            (None, _) => {
                self.left.remove(&partition);
                self.begin_partition().await
            }
            (Some(next), Some(position)) if next - position > NEAR => self.seek(partition, next).await,
            _ => Ok(()),
        }
    }

    /// Starts to read the next partition at its first wanted offset.
    async fn begin_partition(&mut self) -> Result<(), ReconcileError> {
        let first = self.left.first_key_value().map(|(&partition, ranges)| (partition, ranges.iter().next()));
        let Some((partition, Some(range))) = first else { return Ok(()) };
        let start = range.start;
        let assigned = self.consumer.assign(&self.topic, vec![partition]).await;
        assigned.map_err(ReconcileError::kafka(&self.topic))?;
        self.seek(partition, start).await
    }

    /// Sets the consumer's position, and restarts the time for [`PATIENCE`].
    async fn seek(&mut self, partition: i32, offset: i64) -> Result<(), ReconcileError> {
        self.reached = (Some(offset), Instant::now());
        let sought = self.consumer.seek(&self.topic, partition, offset).await;
        sought.map_err(ReconcileError::kafka(&self.topic))
    }
}
