//! What Kafka holds: the first and the next offset of every partition.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use event_source::Mapping;
pub(crate) use kafka_offsets::Ends;
use kafka_offsets::LagReader;

use crate::{
    out,
    stack::{lag, record::Outputs},
};

/// The ends of a mapping's topic now.
pub(crate) async fn of(reader: &LagReader, mapping: &Mapping) -> anyhow::Result<Ends> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions
        .into_iter()
        .map(|partition| (partition.partition, (partition.beginning, partition.end)))
        .collect())
}

/// The ends of all topics now; then waits until every mapping has got there, or the time is over. Schedules may go on
/// producing meanwhile: what comes later is not looked at.
pub(crate) async fn settled(
    reader: &LagReader,
    outputs: &Outputs,
    patience: Duration,
) -> anyhow::Result<BTreeMap<String, Ends>> {
    let mut ends = BTreeMap::new();
    for mapping in &outputs.event_source_mappings {
        if !ends.contains_key(&mapping.topic) {
            ends.insert(mapping.topic.clone(), of(reader, mapping).await?);
        }
    }
    let started = Instant::now();
    let mut said = false;
    for mapping in &outputs.event_source_mappings {
        while !reached(reader, mapping, &ends[&mapping.topic]).await? && started.elapsed() < patience {
            if !said {
                out::note("records are still on their way; waiting for them");
                said = true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(ends)
}

async fn reached(reader: &LagReader, mapping: &Mapping, ends: &Ends) -> anyhow::Result<bool> {
    let partitions = lag::of(reader, mapping).await?;
    Ok(partitions.iter().all(|now| {
        let (_, end) = ends.get(&now.partition).copied().unwrap_or((0, 0));
        // A topic that was created again has less than it had.
        now.end < end || now.end - now.lag >= end
    }))
}
