//! How far each mapping is behind its topic, by Kafka's own books.

use std::time::Duration;

use anyhow::Context as _;
use event_source::Mapping;
use kafka_offsets::{LagError, LagReader, PartitionLag};
use tokio::time::Instant;

use super::record::{Outputs, Stack};
use crate::failure::failure;

/// How long Kafka may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One mapping and the lag of each of its partitions.
#[derive(Debug)]
pub(crate) struct MappingLag<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) partitions: Vec<PartitionLag>,
}

impl MappingLag<'_> {
    /// The records that all partitions ever took.
    pub(crate) fn end(&self) -> u64 {
        self.partitions.iter().map(|partition| u64::try_from(partition.end).unwrap_or(0)).sum()
    }

    /// The records of all partitions that wait.
    pub(crate) fn total(&self) -> u64 {
        self.partitions.iter().map(|partition| u64::try_from(partition.lag).unwrap_or(0)).sum()
    }
}

/// Asks a stack's Kafka.
pub(crate) async fn reader(stack: &Stack) -> anyhow::Result<LagReader> {
    LagReader::connect(&stack.kafka(), PATIENCE).await.map_err(|error| {
        failure(
            format!("cannot reach Kafka at {}: {}", stack.kafka(), faults::chain(&error)),
            "run `headwater up`",
        )
    })
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
