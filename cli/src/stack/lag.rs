//! The lag of each mapping, computed from the offsets that Kafka reports.

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
    /// Sum of the end offsets of all partitions, open transactions included. Equals the number of offsets ever
    /// assigned.
    pub(crate) fn end(&self) -> u64 {
        self.sum(|partition| partition.end + partition.open)
    }

    /// Sum of the lags: offsets that the group can read and has not committed.
    pub(crate) fn total(&self) -> u64 {
        self.sum(|partition| partition.lag)
    }

    /// Number of offsets that cannot be read yet because a transaction is open.
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

    /// Offsets that Kafka deleted before the group read them.
    pub(crate) fn lost(&self) -> Vec<OffsetRange> {
        let of = |partition: &PartitionLag| OffsetRange::all(partition.partition, &partition.lost);
        self.partitions.iter().flat_map(of).collect()
    }
}

/// Offsets of a partition that consumers cannot read yet: the producer has neither committed nor aborted its
/// transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct OpenTransaction {
    pub(crate) partition: i32,
    /// First offset that cannot be read yet (Kafka's last stable offset).
    pub(crate) from: i64,
    /// Number of offsets from there on.
    pub(crate) offsets: i64,
}

impl OpenTransaction {
    /// One line for people, with what ends the wait.
    pub(crate) fn describe(&self, topic: &str) -> String {
        let Self { partition, from, offsets } = self;
        format!(
            "a transaction is open in {topic}-{partition}: {offsets} offsets from {from} on wait until its producer \
             commits or aborts it, or until Kafka aborts it (transaction.timeout.ms)"
        )
    }
}

/// Connects to the stack's Kafka to read offsets.
///
/// # Errors
/// Kafka cannot be reached within [`PATIENCE`]. The fix then names the place from where it can be reached.
pub(crate) async fn reader(stack: &Stack) -> anyhow::Result<LagReader> {
    let cluster = stack.cluster()?;
    let brokers = cluster.cluster.to_string();
    Box::pin(LagReader::open(cluster, stack.sdk().clone(), PATIENCE))
        .await
        .map_err(|error| stack.out_of_reach(&format!("Kafka at {brokers}: {}", faults::chain(&error))))
}

/// The lag of one mapping, by partition. Gives up after [`PATIENCE`].
pub(crate) async fn of(reader: &LagReader, mapping: &Mapping) -> Result<Vec<PartitionLag>, LagError> {
    reader.of(&mapping.consumer_group, &mapping.topic, Instant::now() + PATIENCE).await
}

/// The lag of every mapping of the stack. Fails if one of them cannot be read.
pub(crate) async fn all<'a>(reader: &LagReader, outputs: &'a Outputs) -> anyhow::Result<Vec<MappingLag<'a>>> {
    let mut lags = Vec::new();
    for mapping in &outputs.event_source_mappings {
        let partitions = of(reader, mapping).await.context("cannot read the lag of the mappings")?;
        lags.push(MappingLag { mapping, partitions });
    }
    Ok(lags)
}
