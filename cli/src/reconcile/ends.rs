//! What Kafka holds: the first and the next offset of every partition.

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

/// How long the markers of a transaction may take.
const MARKERS: Duration = Duration::from_secs(5);

/// The ends of a mapping's topic now.
pub(crate) async fn of(reader: &LagReader, mapping: &Mapping) -> anyhow::Result<Ends> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions
        .into_iter()
        .map(|partition| (partition.partition, (partition.beginning, partition.end)))
        .collect())
}

/// Topics as they were when they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) ends: BTreeMap<String, Ends>,
    /// By topic, the transactions that keep records back. What lies behind their beginning is not looked at.
    pub(crate) open: BTreeMap<String, Vec<OpenTransaction>>,
}

/// The ends of all topics now; then waits until every mapping has got there, or the time is over. Schedules may go on
/// producing meanwhile: what comes later is not looked at.
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

/// The ends of a mapping's topic, once the transactions that are open now have ended, or the time is over. Kafka writes
/// the markers of a transaction shortly after its producer was told that it is committed.
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

/// Whether a mapping's group has committed everything up to `ends`.
pub(crate) async fn reached(reader: &LagReader, mapping: &Mapping, ends: &Ends) -> anyhow::Result<bool> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions.iter().all(|now| {
        let (_, end) = ends.get(&now.partition).copied().unwrap_or((0, 0));
        // A topic that was created again has less than it had.
        now.end < end || now.end - now.lag >= end
    }))
}
