//! Tests against a real broker. Its address is in `KAFKA_BOOTSTRAP_SERVERS`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use faults::{Classified, FaultClass};
use kafka::{ClusterSettings, KafkaProducer, LagReader, OutgoingRecord, ProduceError};
use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, NewTopic};
use krafka::consumer::AutoOffsetReset;
use tokio::time::Instant;

/// The broker's address.
fn servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("this test needs a Kafka broker: set KAFKA_BOOTSTRAP_SERVERS (scripts/test does)")
}

/// A producer that is not connected yet.
async fn producer(servers: &str) -> KafkaProducer {
    KafkaProducer::new(ClusterSettings::plaintext(servers), settings::sdk_config().await)
}

/// Creates a topic with a unique name, and waits until all of its leaders answer.
async fn new_topic(partitions: i32) -> String {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let topic = format!("kafka-producer-{nanos}");
    let kafka = Kafka::builder(servers()).connect().await.unwrap();
    let topics = [NewTopic::new(&topic, partitions, 1).unwrap()];
    kafka
        .admin()
        .create_topics(topics, CreateTopicsOptions::default())
        .await
        .unwrap()
        .remove(&topic)
        .unwrap()
        .unwrap();
    offsets().await.settled(&topic, partitions, within(60)).await.unwrap();
    topic
}

async fn offsets() -> LagReader {
    LagReader::connect(&servers(), Duration::from_mins(1)).await.unwrap()
}

/// The number of records in a topic.
async fn stored(topic: &str) -> i64 {
    let ends = offsets().await.ends(topic, within(60)).await.unwrap();
    ends.values().map(|(_, end)| end).sum()
}

/// Records with seven different keys.
fn records(count: usize) -> impl Iterator<Item = OutgoingRecord> {
    (0..count).map(|number| OutgoingRecord::new(format!("key {}", number % 7), format!("record {number}")))
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test]
async fn every_record_of_a_thousand_is_acknowledged_and_stored() {
    let topic = new_topic(4).await;
    let producer = producer(&servers()).await;
    let acknowledged = producer.send_all(&topic, records(1000), within(60)).await.unwrap();
    assert_eq!((acknowledged.records, stored(&topic).await), (1000, 1000));
    let acknowledged = producer.send_all(&topic, records(0), within(1)).await.unwrap();
    assert_eq!(acknowledged.records, 0);
}

#[tokio::test]
async fn headers_and_timestamp_are_sent_with_a_record() {
    let topic = new_topic(1).await;
    let headers = vec![("event-id".to_owned(), Bytes::from_static(b"e-1"))];
    let record = OutgoingRecord {
        headers: headers.clone(),
        timestamp_ms: Some(1_795_209_862_000),
        ..records(1).next().unwrap()
    };
    let acknowledged = producer(&servers()).await.send_all(&topic, [record], within(60)).await.unwrap();
    assert_eq!(acknowledged.records, 1);
    let kafka = Kafka::builder(servers()).connect().await.unwrap();
    let consumer =
        kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest).build().await.unwrap();
    consumer.subscribe([topic.as_str()]).await.unwrap();
    let deadline = within(60);
    let found = loop {
        let found = consumer.poll(Duration::from_millis(500)).await.unwrap();
        if let Some(record) = found.into_iter().next() {
            break record;
        }
        assert!(Instant::now() < deadline, "the record was not received in time");
    };
    let found_headers: Vec<_> =
        found.headers.into_iter().map(|(name, value)| (name, value.unwrap())).collect();
    assert_eq!((found_headers, found.timestamp), (headers, 1_795_209_862_000));
}

#[tokio::test]
async fn a_missing_topic_is_a_configuration_fault_for_every_record() {
    let producer = producer(&servers()).await;
    let error = producer.send_all("no-such-topic", records(3), within(60)).await.unwrap_err();
    assert_eq!(error.class(), FaultClass::Configuration, "{error:?}");
    let ProduceError::NotAcknowledged { acknowledged, unacknowledged, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((acknowledged, unacknowledged), (0, vec![0, 1, 2]));
}

#[tokio::test]
async fn a_record_beyond_the_size_limit_is_poison() {
    let topic = new_topic(4).await;
    let producer = producer(&servers()).await;
    let large = OutgoingRecord::new(Bytes::new(), vec![0; 3 << 20]);
    let error = producer.send_all(&topic, [large], within(60)).await.unwrap_err();
    assert_eq!(error.class(), FaultClass::Poison, "{error:?}");
    let acknowledged = producer.send_all(&topic, records(10), within(60)).await.unwrap();
    assert_eq!(acknowledged.records, 10, "the producer works after the error");
}

#[tokio::test]
async fn without_a_broker_sending_fails_at_the_deadline() {
    let started = Instant::now();
    // No process listens on this port.
    let error = producer("127.0.0.1:9").await.send_all("t", records(3), within(2)).await.unwrap_err();
    assert!(matches!(error, ProduceError::Connect(_)), "{error:?}");
    assert_eq!(error.class(), FaultClass::Retryable);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
