//! Tests against a real broker. Its address is in `KAFKA_BOOTSTRAP_SERVERS`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use faults::{Classified, FaultClass};
use kafka::{ClusterSettings, LagError, LagReader};
use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, DeleteTopicsOptions, NewTopic};
use krafka::consumer::{OffsetAndMetadata, TopicPartition};
use krafka::producer::Record;
use tokio::time::Instant;

/// The broker's address.
fn servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("this test needs a Kafka broker: set KAFKA_BOOTSTRAP_SERVERS (scripts/test does)")
}

/// A reader that is not connected yet.
async fn reader(servers: &str) -> LagReader {
    LagReader::new(ClusterSettings::plaintext(servers), settings::sdk_config().await)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// Creates a topic without waiting for its leaders.
async fn create(kafka: &Kafka, topic: &str, partitions: i32) {
    let topics = [NewTopic::new(topic, partitions, 1).unwrap()];
    let mut created = kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
    created.remove(topic).unwrap().unwrap();
}

/// Produces one record to each of `partitions`, which may occur repeatedly.
async fn produce(kafka: &Kafka, topic: &str, partitions: &[i32]) {
    let producer = kafka.producer().build().await.unwrap();
    for partition in partitions {
        let record = Record::new(topic, Bytes::from_static(b"x")).partition(*partition);
        assert!(producer.enqueue(record).await.unwrap().await.unwrap().is_persisted());
    }
    producer.close().await.unwrap();
}

#[tokio::test]
async fn ends_and_lags_follow_records_and_commits_and_a_deleted_topic_is_missing() {
    let topic = format!("kafka-offsets-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let kafka = Kafka::builder(servers()).connect().await.unwrap();
    let reader = reader(&servers()).await;
    create(&kafka, &topic, 3).await;
    let empty = [(0, (0, 0)), (1, (0, 0)), (2, (0, 0))].into();
    assert_eq!(reader.settled(&topic, 3, soon()).await.unwrap(), empty);
    assert_eq!(reader.ends(&topic, soon()).await.unwrap(), empty);
    produce(&kafka, &topic, &[0, 0, 2, 2, 2]).await;
    let ends = reader.ends(&topic, soon()).await.unwrap();
    assert_eq!(ends, [(0, (0, 2)), (1, (0, 0)), (2, (0, 3))].into());

    let consumer = kafka.consumer(topic.as_str()).enable_auto_commit(false).build().await.unwrap();
    consumer.subscribe([topic.as_str()]).await.unwrap();
    let deadline = soon();
    while consumer.assignment().await.is_empty() {
        assert!(Instant::now() < deadline, "the member got no partitions in time");
        let _records = consumer.poll(Duration::from_millis(100)).await.unwrap();
    }
    let commit =
        |offset, mark| (TopicPartition::new(&topic, 2), OffsetAndMetadata::with_metadata(offset, mark));
    consumer.commit_offsets(vec![commit(1, "")]).await.unwrap();
    let lags = reader.of(&topic, &topic, soon()).await.unwrap();
    let lags: Vec<_> = lags.iter().map(|lag| (lag.partition, lag.committed, lag.lag)).collect();
    assert_eq!(lags, [(0, None, 2), (1, None, 0), (2, Some(1), 2)]);
    let of_another = kafka::commit_mark([7; 16]);
    consumer.commit_offsets(vec![commit(3, of_another.as_str())]).await.unwrap();
    assert_eq!(reader.of(&topic, &topic, soon()).await.unwrap()[2].lag, 3);
    consumer.close().await.unwrap();

    kafka.admin().delete_topics([topic.as_str()], DeleteTopicsOptions::default()).await.unwrap();
    let deadline = soon();
    while reader.ends(&topic, deadline).await.is_ok() {}
    let error = reader.ends(&topic, deadline).await.unwrap_err();
    assert!(matches!(error, LagError::NoTopic { .. }), "{error:?}");
}

#[tokio::test]
async fn without_an_answer_reading_fails_at_the_deadline_with_a_retryable_fault() {
    // This listener accepts connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let reader = reader(&listener.local_addr().unwrap().to_string()).await;
    let started = Instant::now();
    let error = reader.ends("t", started + Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.class(), FaultClass::Retryable, "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

/// A proxy to the broker that closes the first `breaks` connections. Returns its address.
async fn breaking_proxy(mut breaks: u32) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if breaks > 0 {
                breaks -= 1;
                continue;
            }
            tokio::spawn(async move {
                let mut broker = tokio::net::TcpStream::connect(servers()).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut broker).await
            });
        }
    });
    address
}

#[tokio::test]
async fn requests_are_retried_on_broken_connections() {
    let topic = format!("kafka-offsets-again-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let kafka = Kafka::builder(servers()).connect().await.unwrap();
    create(&kafka, &topic, 1).await;
    let reader = reader(&breaking_proxy(12).await).await;
    reader.settled(&topic, 1, soon()).await.unwrap();
}

#[tokio::test]
async fn every_leader_of_a_settled_topic_answers() {
    let kafka = Kafka::builder(servers()).connect().await.unwrap();
    let reader = reader(&servers()).await;
    for number in 0..10 {
        let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let topic = format!("kafka-offsets-settled-{number}-{nanos}");
        create(&kafka, &topic, 16).await;
        assert_eq!(reader.settled(&topic, 16, soon()).await.unwrap().len(), 16);
        // Another client asks each leader once, without retries.
        let consumer = kafka.consumer_without_group().build().await.unwrap();
        for partition in 0..16 {
            assert_eq!(consumer.fetch_watermarks(&topic, partition).await.unwrap(), (0, 0));
        }
    }
}
