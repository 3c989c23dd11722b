//! Single records, read from Kafka again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use krafka::Kafka;
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord};

/// How long a broker may be silent while records are still expected.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads chosen records of a topic, partition after partition.
pub(crate) struct Reader {
    topic: String,
    consumer: Consumer,
    left: BTreeMap<i32, BTreeSet<i64>>,
}

impl Reader {
    /// Connects. `wanted` are offsets by partition.
    pub(crate) async fn open(
        servers: &str,
        topic: &str,
        wanted: &BTreeMap<i32, BTreeSet<i64>>,
    ) -> anyhow::Result<Self> {
        let kafka = Kafka::builder(servers).client_id("headwater-verify").connect().await;
        let kafka = kafka.with_context(|| format!("cannot reach Kafka at {servers}"))?;
        let consumer = kafka
            .consumer_without_group()
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .metrics_push(false)
            .build()
            .await
            .context("cannot read from Kafka")?;
        let reader = Self { topic: topic.to_owned(), consumer, left: wanted.clone() };
        reader.begin_partition().await?;
        Ok(reader)
    }

    /// Some of the wanted records, never none; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<ConsumerRecord>>> {
        while let Some(mut entry) = self.left.first_entry() {
            let polled = self.consumer.poll(PATIENCE).await;
            let mut records = polled.with_context(|| format!("cannot read topic {}", self.topic))?;
            let partition = *entry.key();
            records.retain(|record| record.partition == partition);
            let (reached, wanted) = (records.last().map(|record| record.offset), entry.get_mut());
            records.retain(|record| wanted.contains(&record.offset));
            let left = reached.map(|reached| wanted.split_off(&(reached + 1))).unwrap_or_default();
            let is_done = left.is_empty();
            *wanted = left;
            if is_done {
                // Nothing came for so long: what is still wanted is not there.
                entry.remove();
                self.begin_partition().await?;
            }
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    async fn begin_partition(&self) -> anyhow::Result<()> {
        let Some((&partition, offsets)) = self.left.first_key_value() else { return Ok(()) };
        let first = offsets.first().copied().unwrap_or(0);
        self.consumer.assign(&self.topic, vec![partition]).await.context("cannot read from Kafka")?;
        self.consumer.seek(&self.topic, partition, first).await.context("cannot read from Kafka")
    }
}
