//! How far a mapping is behind: committed offsets against the ends of the partitions.

use std::time::Duration;

use krafka::admin::{
    AdminClient, DescribeTopicsOptions, ListConsumerGroupOffsetsOptions, ListOffsetsOptions, OffsetSpec,
};
use krafka::consumer::TopicPartition;
use krafka::error::ErrorCode;
use krafka::{Kafka, KrafkaError};

use crate::Mapping;
use crate::bridge::is_of_another_topic;

/// One partition's lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PartitionLag {
    /// Partition.
    pub partition: i32,
    /// The offset that the group has committed, if it has.
    pub committed: Option<i64>,
    /// The oldest offset that there is.
    pub beginning: i64,
    /// One past the newest.
    pub end: i64,
    /// Records between the group and the end. Without a commit, all that there are.
    pub lag: i64,
}

/// Why a lag is not known.
#[derive(Debug, thiserror::Error)]
pub enum LagError {
    /// There is no such topic (yet).
    #[error("topic {topic} does not exist")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// The broker did not answer as it should.
    #[error("lag of group {group} on topic {topic} is not known")]
    Kafka {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// Why.
        source: KrafkaError,
    },
}

/// Asks one cluster for lags.
#[derive(Debug, Clone)]
pub struct LagReader {
    kafka: Kafka,
    timeout: Duration,
}

impl LagReader {
    /// Connects; `timeout` bounds this and every later question.
    pub async fn connect(bootstrap_servers: &str, timeout: Duration) -> Result<Self, KrafkaError> {
        let connecting = Kafka::builder(bootstrap_servers)
            .client_id("headwater-lag")
            .connect_timeout(timeout)
            .request_timeout(timeout)
            .connect();
        let kafka = tokio::time::timeout(timeout, connecting).await??;
        Ok(Self { kafka, timeout })
    }

    /// The lag of every partition of a mapping's topic, in order.
    pub async fn of(&self, mapping: &Mapping) -> Result<Vec<PartitionLag>, LagError> {
        self.read(mapping).await.map_err(|source| match source {
            KrafkaError::Broker { code: ErrorCode::UnknownTopicOrPartition, .. }
            | KrafkaError::UnknownTopic { .. } => LagError::NoTopic { topic: mapping.topic.clone() },
            source => LagError::Kafka {
                group: mapping.consumer_group.clone(),
                topic: mapping.topic.clone(),
                source,
            },
        })
    }

    async fn read(&self, mapping: &Mapping) -> Result<Vec<PartitionLag>, KrafkaError> {
        let admin = self.kafka.admin();
        let topic = mapping.topic.as_str();
        let described = admin
            .describe_topics([topic], DescribeTopicsOptions::default().timeout(self.timeout))
            .await?
            .remove(topic)
            .ok_or_else(|| KrafkaError::unknown_topic(topic))??;
        let partitions: Vec<TopicPartition> = described
            .partitions
            .iter()
            .map(|partition| TopicPartition::new(topic, partition.partition))
            .collect();
        let committed = admin
            .list_consumer_group_offsets(
                mapping.consumer_group.as_str(),
                ListConsumerGroupOffsetsOptions::default()
                    .partitions(partitions.clone())
                    .timeout(self.timeout),
            )
            .await?;
        let beginnings = self.offsets(&admin, &partitions, OffsetSpec::Earliest).await?;
        let ends = self.offsets(&admin, &partitions, OffsetSpec::Latest).await?;
        let mut lags = Vec::with_capacity(partitions.len());
        for ((partition, beginning), end) in partitions.iter().zip(beginnings).zip(ends) {
            let committed = match committed.get(partition) {
                Some(Ok(found)) if is_of_another_topic(found.metadata.as_deref(), described.topic_id) => None,
                Some(Ok(found)) => found.offset,
                Some(Err(error)) => return Err(error.clone()),
                None => None,
            };
            // A commit below what retention left, or beyond the end, is read from the beginning.
            let next = committed.filter(|offset| (beginning..=end).contains(offset)).unwrap_or(beginning);
            lags.push(PartitionLag {
                partition: partition.partition,
                committed,
                beginning,
                end,
                lag: end - next,
            });
        }
        lags.sort_by_key(|lag| lag.partition);
        Ok(lags)
    }

    async fn offsets(
        &self,
        admin: &AdminClient,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<Vec<i64>, KrafkaError> {
        let specs = partitions.iter().map(|partition| (partition.clone(), spec));
        let mut found =
            admin.list_offsets(specs, ListOffsetsOptions::default().timeout(self.timeout)).await?;
        partitions
            .iter()
            .map(|partition| {
                let listed =
                    found.remove(partition).ok_or_else(|| KrafkaError::unknown_topic(&partition.topic))?;
                listed.map(|listed| listed.offset)
            })
            .collect()
    }
}
