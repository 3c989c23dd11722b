//! The progress of each lane: offsets in Kafka, and the depths of queues.

use std::collections::BTreeMap;
use std::ops::Range;

use aws_sdk_sqs::types::QueueAttributeName;
use chrono::Utc;
use futures::future::try_join_all;
use kafka::PartitionLag;
use pipeline::Pipeline;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::BoardError;
use crate::settings::Queue;
use crate::sources::Sources;
use crate::waiting::Waiting;

/// An event source mapping: a function that reads a topic with a consumer group.
struct Mapping<'a> {
    function: &'static str,
    group: &'a str,
    topic: &'a str,
    /// The longest time that a record waits for its batch to fill.
    window_seconds: u32,
}

/// The mappings of a pipeline's topic.
fn mappings(pipeline: &Pipeline) -> impl Iterator<Item = Mapping<'_>> {
    let topic = pipeline.topic.name.as_str();
    let window_seconds = pipeline.batching.window_seconds;
    pipeline.lanes().map(move |(sink, group)| Mapping {
        function: sink.function(),
        group,
        topic,
        window_seconds,
    })
}

/// The ranges of a partition that Kafka deleted before the group read them.
fn lost(of: &PartitionLag) -> Vec<Value> {
    let range = |range: &Range<i64>| {
        let (first, last) = (range.start.to_string(), (range.end - 1).to_string());
        json!({"partition": of.partition, "first": first, "last": last})
    };
    of.lost.iter().map(range).collect()
}

impl Sources {
    /// The answer of `api/lanes`: the topics, the mappings with their lag, and the queues.
    pub(crate) async fn lanes(
        &self,
        waiting: &Mutex<Waiting>,
        deadline: Instant,
    ) -> Result<Value, BoardError> {
        let pipelines = self.pipelines(deadline).await?;
        let mappings: Vec<_> = pipelines.iter().flat_map(mappings).collect();
        let lags = mappings.iter().map(|mapping| self.offsets.of(mapping.group, mapping.topic, deadline));
        let queues = self.settings.queues.iter().map(|queue| self.queue(queue));
        let lags = async { Ok::<_, BoardError>(try_join_all(lags).await?) };
        let (lags, queues) = tokio::try_join!(lags, try_join_all(queues))?;
        let mut topics: BTreeMap<&str, i64> = BTreeMap::new();
        let mut rows = Vec::new();
        let (now, mut waiting) = (Utc::now(), waiting.lock().await);
        for (mapping, partitions) in mappings.iter().zip(lags) {
            let sum = |value: fn(&PartitionLag) -> i64| partitions.iter().map(value).sum::<i64>();
            let (end, lag) = (sum(|partition| partition.end), sum(|partition| partition.lag));
            topics.insert(mapping.topic, end);
            let since = waiting.since((mapping.group, mapping.topic), (end - lag, lag), now);
            rows.push(json!({
                "function": mapping.function, "group": mapping.group, "topic": mapping.topic,
                "lag": lag.to_string(), "stored": (end - lag).to_string(),
                "window_seconds": mapping.window_seconds, "waiting_since": since,
                // The number of offsets in open transactions.
                "open": sum(|partition| partition.open).to_string(),
                "lost": sum(PartitionLag::lost_offsets).to_string(),
                "lost_offsets": partitions.iter().flat_map(lost).collect::<Vec<_>>(),
            }));
        }
        let topics: Vec<_> =
            topics.iter().map(|(topic, end)| json!({"topic": topic, "end": end.to_string()})).collect();
        Ok(json!({"at": now, "topics": topics, "mappings": rows, "queues": queues}))
    }

    /// The depth of a queue and of its dead-letter queue.
    async fn queue(&self, queue: &Queue) -> Result<Value, BoardError> {
        let (waiting, given_up) =
            tokio::try_join!(self.depth(queue, &queue.url), self.depth(queue, &queue.dead_letter_url))?;
        Ok(json!({"function": queue.function, "waiting": waiting, "given_up": given_up}))
    }

    /// The number of messages in a queue: visible, in flight, and delayed.
    async fn depth(&self, queue: &Queue, url: &str) -> Result<u64, BoardError> {
        let parts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let asked = self.queues.get_queue_attributes().queue_url(url);
        let asked = asked.set_attribute_names(Some(parts.to_vec())).send().await;
        let failed = |reason| BoardError::Queue { function: queue.function.clone(), reason };
        let answer = asked.map_err(|error| failed(faults::chain(&error)))?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(parts.iter().filter_map(|part| attributes.get(part)?.parse::<u64>().ok()).sum())
    }
}
