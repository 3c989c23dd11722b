//! A topic of one test on the real broker.

use std::time::Duration;

use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, NewTopic};
use krafka::consumer::{AutoOffsetReset, ConsumerRecord};
use tokio::time::Instant;

/// The topic, and how to reach it.
pub struct Topic {
    /// Its name.
    pub name: String,
    /// The brokers.
    pub servers: String,
    kafka: Kafka,
    partitions: i32,
}

impl Topic {
    /// Makes the topic.
    pub async fn make(name: &str, partitions: i32) -> Self {
        let servers = crate::parts::variable("KAFKA_BOOTSTRAP_SERVERS");
        let kafka = Kafka::builder(servers.as_str()).connect().await.unwrap();
        let topics = [NewTopic::new(name, partitions, 1).unwrap()];
        let mut created = kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
        created.remove(name).unwrap().unwrap();
        Self { name: name.to_owned(), servers, kafka, partitions }
    }

    /// How many records it holds.
    pub async fn count(&self) -> usize {
        let consumer = self.kafka.consumer_without_group().build().await.unwrap();
        let mut count = 0;
        for partition in 0..self.partitions {
            count += consumer.fetch_watermarks(&self.name, partition).await.unwrap().1;
        }
        usize::try_from(count).unwrap()
    }

    /// All its records, by partition and offset.
    pub async fn records(&self) -> Vec<ConsumerRecord> {
        let count = self.count().await;
        let builder = self.kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest);
        let consumer = builder.build().await.unwrap();
        consumer.subscribe([self.name.as_str()]).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut records = Vec::new();
        while records.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} records were read", records.len());
            records.extend(consumer.poll(Duration::from_millis(200)).await.unwrap());
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }
}
