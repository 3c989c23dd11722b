//! Reads the first and the end offset of every partition, and waits until the mappings have reached them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use event_source::Mapping;
pub(crate) use kafka::Ends;
use kafka::{LagReader, PartitionLag};

use crate::{
    out,
    stack::{
        lag::{self, OpenTransaction},
        outputs::Outputs,
    },
};

/// How long to wait for the end of open transactions. Kafka writes the markers of a committed one shortly after it.
const MARKERS: Duration = Duration::from_secs(5);

/// The current ends of a mapping's topic: by partition, the oldest offset and the last stable offset.
pub(crate) async fn of(reader: &LagReader, mapping: &Mapping) -> anyhow::Result<Ends> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions
        .into_iter()
        .map(|partition| (partition.partition, (partition.beginning, partition.end)))
        .collect())
}

/// The range of records that `verify` checks.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// By topic, the ends of its partitions. Later records are not checked.
    pub(crate) ends: BTreeMap<String, Ends>,
    /// By topic, the open transactions. Records from their first offset on are not checked.
    pub(crate) open: BTreeMap<String, Vec<OpenTransaction>>,
}

/// Reads the ends of all topics, then waits until every mapping has committed up to them, or until `patience` is over.
///
/// The ends are fixed before the wait, so it also finishes while schedules produce more records. A mapping that does
/// not get there is not an error here: its records are then reported as missing.
pub(crate) async fn settled(
    reader: &LagReader,
    outputs: &Outputs,
    patience: Duration,
) -> anyhow::Result<Settled> {
    let mut settled = Settled::default();
    for mapping in &outputs.event_source_mappings {
        if !settled.ends.contains_key(&mapping.topic) {
            let (ends, open) = stable(reader, mapping, patience.min(MARKERS)).await?;
            settled.ends.insert(mapping.topic.clone(), ends);
            if !open.is_empty() {
                settled.open.insert(mapping.topic.clone(), open);
            }
        }
    }
    let started = Instant::now();
    let mut said = false;
    for mapping in &outputs.event_source_mappings {
        while !reached(reader, mapping, &settled.ends[&mapping.topic]).await? && started.elapsed() < patience
        {
            if !said {
                out::note("records are still on their way; waiting for them");
                said = true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(settled)
}

/// The ends of a mapping's topic, after the transactions that are open now have ended or `patience` is over. Also
/// returns the transactions that are still open.
///
/// The wait is needed because Kafka confirms a commit to the producer before it has written the markers to all
/// partitions. Without it, `verify` would not check records that were committed just before.
async fn stable(
    reader: &LagReader,
    mapping: &Mapping,
    patience: Duration,
) -> anyhow::Result<(Ends, Vec<OpenTransaction>)> {
    let started = Instant::now();
    let before = lag::of(reader, mapping).await?;
    let mut now = before.clone();
    loop {
        let wanted = before.iter().map(|partition| (partition.partition, partition.end + partition.open));
        let wanted: BTreeMap<i32, i64> = wanted.collect();
        let end = |partition: &PartitionLag| wanted.get(&partition.partition).copied().unwrap_or(0);
        let waits = |partition: &&PartitionLag| partition.open > 0 && partition.end < end(partition);
        if !now.iter().any(|partition| waits(&partition)) || started.elapsed() >= patience {
            let open = now.iter().filter(waits).map(|partition| OpenTransaction {
                partition: partition.partition,
                from: partition.end,
                offsets: end(partition) - partition.end,
            });
            let open = open.collect();
            let ends = now.iter().map(|partition| {
                (partition.partition, (partition.beginning, partition.end.min(end(partition))))
            });
            return Ok((ends.collect(), open));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        now = lag::of(reader, mapping).await?;
    }
}

/// Whether a mapping's group has committed all partitions up to `ends`.
pub(crate) async fn reached(reader: &LagReader, mapping: &Mapping, ends: &Ends) -> anyhow::Result<bool> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions.iter().all(|now| {
        let (_, end) = ends.get(&now.partition).copied().unwrap_or((0, 0));
        // The end is lower than before only if the topic was deleted and created again. Then there is nothing to wait
        // for.
        now.end < end || now.end - now.lag >= end
    }))
}
