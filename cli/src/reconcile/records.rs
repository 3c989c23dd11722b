//! Single records, read from Kafka again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use krafka::Kafka;
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, IsolationLevel};
use positions::OffsetRanges;

/// How long a broker may bring nothing while offsets are still expected.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(500);

/// Records that one poll hands over at most.
const POLLED: i32 = 10_000;

/// Offsets that are read and dropped rather than jumped over: a jump costs a request.
const NEAR: i64 = 20_000;

/// Reads chosen records of a topic, partition after partition, as a reader of committed records sees them: transaction
/// markers, aborted records and compacted ones do not come.
pub(crate) struct Reader {
    topic: String,
    consumer: Consumer,
    /// What is still to be read.
    left: BTreeMap<i32, OffsetRanges>,
    /// What the broker did not get to.
    unread: BTreeMap<i32, OffsetRanges>,
    /// Where the consumer was last, and since when.
    reached: (Option<i64>, Instant),
}

impl Reader {
    /// Connects. `wanted` are offsets by partition.
    pub(crate) async fn open(
        servers: &str,
        topic: &str,
        wanted: &BTreeMap<i32, OffsetRanges>,
    ) -> anyhow::Result<Self> {
        let kafka = Kafka::builder(servers).client_id("headwater-verify").connect().await;
        let kafka = kafka.with_context(|| format!("cannot reach Kafka at {servers}"))?;
        let consumer = kafka
            .consumer_without_group()
            // What is deleted while it is being read is passed over.
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .isolation_level(IsolationLevel::ReadCommitted)
            .max_poll_records(POLLED)
            .metrics_push(false)
            .build()
            .await
            .context("cannot read from Kafka")?;
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

    /// Some of the wanted records, never none; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<ConsumerRecord>>> {
        while let Some((&partition, wanted)) = self.left.first_key_value() {
            let polled = self.consumer.poll(POLL).await;
            let mut records = polled.with_context(|| format!("cannot read topic {}", self.topic))?;
            records.retain(|record| record.partition == partition && wanted.contains(record.offset));
            self.pass(partition).await?;
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    /// The offsets of which it is not known whether they hold a record, because the broker did not get there.
    pub(crate) fn unread(&self) -> &BTreeMap<i32, OffsetRanges> {
        &self.unread
    }

    /// The oldest offset that the partition has now.
    pub(crate) async fn beginning(&self, partition: i32) -> anyhow::Result<i64> {
        let watermarks = self.consumer.fetch_watermarks(&self.topic, partition).await;
        Ok(watermarks.with_context(|| format!("cannot read topic {}", self.topic))?.0)
    }

    /// Strikes out what the consumer has passed. It moves past offsets without a record, too.
    async fn pass(&mut self, partition: i32) -> anyhow::Result<()> {
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

    async fn begin_partition(&mut self) -> anyhow::Result<()> {
        let first = self.left.first_key_value().map(|(&partition, ranges)| (partition, ranges.iter().next()));
        let Some((partition, Some(range))) = first else { return Ok(()) };
        let start = range.start;
        self.consumer.assign(&self.topic, vec![partition]).await.context("cannot read from Kafka")?;
        self.seek(partition, start).await
    }

    async fn seek(&mut self, partition: i32, offset: i64) -> anyhow::Result<()> {
        self.reached = (Some(offset), Instant::now());
        self.consumer.seek(&self.topic, partition, offset).await.context("cannot read from Kafka")
    }
}
