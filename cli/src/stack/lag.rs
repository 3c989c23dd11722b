//! How far each mapping is behind its topic, by Kafka's own books.

use std::time::Duration;

use anyhow::Context as _;
use event_source::Mapping;
use kafka::{LagError, LagReader, PartitionLag};
pub(crate) use reconcile::OffsetRange;
use serde::Serialize;
use tokio::time::Instant;

use super::{opened::Stack, outputs::Outputs};

/// How long Kafka may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One mapping and the lag of each of its partitions.
#[derive(Debug)]
pub(crate) struct MappingLag<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) partitions: Vec<PartitionLag>,
}

impl MappingLag<'_> {
    /// The offsets that all partitions ever gave.
    pub(crate) fn end(&self) -> u64 {
        self.sum(|partition| partition.end + partition.open)
    }

    /// The offsets of all partitions that wait for the group.
    pub(crate) fn total(&self) -> u64 {
        self.sum(|partition| partition.lag)
    }

    /// The offsets of all partitions that wait for the end of a transaction.
    pub(crate) fn open(&self) -> u64 {
        self.sum(|partition| partition.open)
    }

    fn sum(&self, value: impl Fn(&PartitionLag) -> i64) -> u64 {
        self.partitions.iter().map(|partition| u64::try_from(value(partition)).unwrap_or(0)).sum()
    }

    /// The partitions in which a transaction is open.
    pub(crate) fn open_transactions(&self) -> Vec<OpenTransaction> {
        let open = self.partitions.iter().filter(|partition| partition.open > 0);
        open.map(|partition| OpenTransaction {
            partition: partition.partition,
            from: partition.end,
            offsets: partition.open,
        })
        .collect()
    }

    /// What Kafka deleted before the group read it.
    pub(crate) fn lost(&self) -> Vec<OffsetRange> {
        let of = |partition: &PartitionLag| OffsetRange::all(partition.partition, &partition.lost);
        self.partitions.iter().flat_map(of).collect()
    }
}

/// Offsets of a partition that a transaction keeps back: its producer has neither committed nor aborted it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct OpenTransaction {
    pub(crate) partition: i32,
    /// The first offset that nobody can read yet.
    pub(crate) from: i64,
    /// How many there are.
    pub(crate) offsets: i64,
}

impl OpenTransaction {
    /// What to tell people about it.
    pub(crate) fn describe(&self, topic: &str) -> String {
        let Self { partition, from, offsets } = self;
        format!(
            "a transaction is open in {topic}-{partition}: {offsets} offsets from {from} on wait until its producer \
             commits or aborts it, or until Kafka aborts it (transaction.timeout.ms)"
        )
    }
}

/// Asks a stack's Kafka.
pub(crate) async fn reader(stack: &Stack) -> anyhow::Result<LagReader> {
    let cluster = stack.cluster()?;
    let brokers = cluster.cluster.to_string();
    Box::pin(LagReader::open(cluster, stack.sdk().clone(), PATIENCE))
        .await
        .map_err(|error| stack.out_of_reach(&format!("Kafka at {brokers}: {}", faults::chain(&error))))
}

/// The lag of one mapping.
pub(crate) async fn of(reader: &LagReader, mapping: &Mapping) -> Result<Vec<PartitionLag>, LagError> {
    reader.of(&mapping.consumer_group, &mapping.topic, Instant::now() + PATIENCE).await
}

/// The lag of every mapping.
pub(crate) async fn all<'a>(reader: &LagReader, outputs: &'a Outputs) -> anyhow::Result<Vec<MappingLag<'a>>> {
    let mut lags = Vec::new();
    for mapping in &outputs.event_source_mappings {
        let partitions = of(reader, mapping).await.context("cannot tell how far the mappings are")?;
        lags.push(MappingLag { mapping, partitions });
    }
    Ok(lags)
}
