//! The topic of one test on the stack's broker.

use std::time::Duration;

use kafka::LagReader;
use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, NewTopic};
use krafka::consumer::{AutoOffsetReset, ConsumerRecord};
use tokio::time::Instant;

/// A topic, with a connection to its broker.
pub struct Topic {
    /// Name of the topic.
    pub name: String,
    /// Brokers: `host:port`, comma-separated.
    pub servers: String,
    kafka: Kafka,
    offsets: LagReader,
}

/// How long a request to the broker may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Topic {
    /// Creates the topic. Returns when every partition has a leader that answers.
    pub async fn make(name: &str, partitions: i32) -> Self {
        let servers = crate::parts::variable("KAFKA_BOOTSTRAP_SERVERS");
        let kafka = Kafka::builder(servers.as_str()).connect().await.unwrap();
        let topics = [NewTopic::new(name, partitions, 1).unwrap()];
        let mut created = kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
        created.remove(name).unwrap().unwrap();
        let offsets = LagReader::connect(&servers, PATIENCE).await.unwrap();
        offsets.settled(name, partitions, Instant::now() + PATIENCE).await.unwrap();
        Self { name: name.to_owned(), servers, kafka, offsets }
    }

    /// The number of records, computed from the end offsets: records of the test's topic are never deleted.
    pub async fn count(&self) -> usize {
        let ends = self.offsets.ends(&self.name, Instant::now() + PATIENCE).await.unwrap();
        let count: i64 = ends.values().map(|(_, end)| end).sum();
        usize::try_from(count).unwrap()
    }

    /// All records, sorted by partition and offset.
    pub async fn records(&self) -> Vec<ConsumerRecord> {
        let count = self.count().await;
        let builder = self.kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest);
        let consumer = builder.build().await.unwrap();
        consumer.subscribe([self.name.as_str()]).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        while records.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} records were read", records.len());
            records.extend(consumer.poll(Duration::from_millis(200)).await.unwrap());
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }
}
