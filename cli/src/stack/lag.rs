//! How far each mapping is behind its topic, by Kafka's own books.

use krafka::admin::ListConsumerGroupOffsetsOptions;

use super::{
    kafka,
    record::{Outputs, Stack},
};

/// One partition of one mapping.
#[derive(Debug, Clone)]
pub(crate) struct PartitionLag {
    pub(crate) partition: i32,
    pub(crate) committed: Option<i64>,
    pub(crate) end: i64,
    pub(crate) lag: i64,
}

/// One mapping.
#[derive(Debug, Clone)]
pub(crate) struct MappingLag {
    pub(crate) function: String,
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) partitions: Vec<PartitionLag>,
}

impl MappingLag {
    /// The records of all partitions that wait.
    pub(crate) fn total(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }
}

/// The lag of every mapping. A group without a commit has everything before it, as with `TRIM_HORIZON`.
pub(crate) async fn all(stack: &Stack, outputs: &Outputs) -> anyhow::Result<Vec<MappingLag>> {
    let admin = kafka::admin(&stack.kafka()).await?;
    let mut lags = Vec::new();
    for mapping in &outputs.event_source_mappings {
        let offsets = kafka::offsets(&admin, &mapping.topic).await?;
        let committed = admin
            .list_consumer_group_offsets(&mapping.consumer_group, ListConsumerGroupOffsetsOptions::default())
            .await?;
        let partitions = offsets
            .into_iter()
            .map(|(partition, (start, end))| {
                let committed = committed
                    .iter()
                    .find(|(at, _)| at.topic == mapping.topic && at.partition == partition)
                    .and_then(|(_, offset)| offset.as_ref().ok()?.offset);
                let lag = end.saturating_sub(committed.unwrap_or(start).max(start)).max(0);
                PartitionLag { partition, committed, end, lag }
            })
            .collect();
        lags.push(MappingLag {
            function: mapping.function_name.clone(),
            group: mapping.consumer_group.clone(),
            topic: mapping.topic.clone(),
            partitions,
        });
    }
    Ok(lags)
}
