//! Changes while the bridge runs: a topic's partitions and a group's members.

use std::time::{Duration, Instant};

use bytes::Bytes;
use event_source::StartingPosition;
use krafka::admin::{CreatePartitionsOptions, ListTopicsOptions};
use krafka::producer::Record;

use crate::support::{Lane, RunningBridge, servers, until};

/// Added partitions must be read within this time.
const NOTICED: Duration = Duration::from_secs(30);

/// A bridge that is a static member of its group, like the bridge of the local stack.
fn static_member(lane: &Lane) -> RunningBridge {
    let mut config = lane.config();
    config.instance_id = Some("bridge".to_owned());
    RunningBridge::start(config)
}

async fn add_partitions(lane: &mut Lane, total: i32) {
    let topic = lane.mapping.topic.clone();
    let totals = [(topic.clone(), total)];
    let options = CreatePartitionsOptions::default();
    let added = lane.kafka.admin().create_partitions(totals, options).await.unwrap();
    assert!(added[&topic].is_ok(), "{added:?}");
    lane.partitions = total;
}

/// Produces a record of the year 2001 to each partition from `first` on.
async fn produce_old(lane: &Lane, first: i32) {
    let kafka = krafka::Kafka::builder(servers()).connect().await.unwrap();
    let producer = kafka.producer().build().await.unwrap();
    for partition in first..lane.partitions {
        let record = Record::new(&lane.mapping.topic, Bytes::from_static(b"old"))
            .partition(partition)
            .timestamp(1_000_000_000_000);
        assert!(producer.enqueue(record).await.unwrap().await.unwrap().is_persisted());
    }
    producer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_read_soon_and_from_their_beginning() {
    let mut lane = Lane::new("grown", 1).await;
    lane.create_topic().await;
    lane.mapping.starting_position = StartingPosition::AtTimestamp;
    lane.mapping.starting_position_timestamp = Some(chrono::Utc::now().to_rfc3339());
    let bridge = static_member(&lane);
    lane.produce(10).await;
    until("the first partition is read", async || lane.handled() == 10).await;
    add_partitions(&mut lane, 3).await;
    let added = Instant::now();
    // These records are older than the starting position and are produced before the bridge notices the new partitions.
    produce_old(&lane, 1).await;
    until("the new partitions are read", async || lane.handled() == 12).await;
    assert!(added.elapsed() < NOTICED, "{:?}", added.elapsed());
    lane.drained().await;
    bridge.stop().await;
    // The same while the bridge is stopped.
    add_partitions(&mut lane, 5).await;
    produce_old(&lane, 3).await;
    let bridge = static_member(&lane);
    until("the new partitions are read", async || lane.handled() == 14).await;
    assert_eq!(lane.log("delivered").keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_created_again_with_fewer_partitions_is_read_whole() {
    let mut lane = Lane::new("shrunk", 4).await;
    lane.create_topic().await;
    lane.produce(40).await;
    let bridge = static_member(&lane);
    lane.drained().await;
    lane.delete_topic().await;
    until("the name is free again", async || {
        let listed = lane.kafka.admin().list_topics(ListTopicsOptions::default()).await;
        listed.is_ok_and(|topics| !topics.contains(&lane.mapping.topic))
    })
    .await;
    lane.partitions = 2;
    lane.create_topic().await;
    lane.produce(60).await;
    until("the whole new topic is handled", async || {
        let delivered = lane.log("delivered");
        (0..2).all(|partition| delivered.get(&partition).is_some_and(|offsets| offsets[10..].len() >= 30))
    })
    .await;
    lane.drained().await;
    bridge.stop().await;
    for partition in 0..2 {
        let offsets = &lane.log("delivered")[&partition];
        assert_eq!(offsets[10..], (0..30).collect::<Vec<_>>(), "partition {partition}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_function_does_not_keep_partitions_from_another_bridge() {
    let mut lane = Lane::new("starved", 3).await;
    lane.mapping.batch_size = 10;
    lane.create_topic().await;
    lane.answer("slow");
    lane.produce(300).await;
    let mut config = lane.config();
    config.pollers = 3;
    let first = RunningBridge::start(config);
    until("every poller of the first bridge is busy", async || lane.status().invocations == 3).await;
    let mut config = lane.config();
    config.pollers = 2;
    config.status_path = Some(lane.folder.join("second.json"));
    let started = Instant::now();
    let second = RunningBridge::start(config);
    until("the second bridge works", async || {
        event_source::bridge::status::read(&lane.folder.join("second.json"))
            .is_ok_and(|status| status.mappings.iter().any(|mapping| mapping.invocations > 0))
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(18), "{:?}", started.elapsed());
    lane.answer("succeed");
    lane.drained().await;
    second.stop().await;
    lane.produce(30).await;
    until("the first bridge has all partitions again", async || lane.handled() == 330).await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tombstones_and_headers_without_a_value_hold_nothing_up() {
    let lane = Lane::new("nulls", 1).await;
    lane.create_topic().await;
    let kafka = krafka::Kafka::builder(servers()).connect().await.unwrap();
    let producer = kafka.producer().build().await.unwrap();
    let topic = lane.mapping.topic.as_str();
    let records = [
        Record::tombstone(topic, "key").partition(0),
        Record::new(topic, Bytes::new())
            .partition(0)
            .null_header("none")
            .header("", Bytes::from_static(b"\xff")),
        Record::new(topic, Bytes::from_static(b"\xff\x00")).partition(0).header("none", Bytes::new()),
    ];
    for record in records {
        assert!(producer.enqueue(record).await.unwrap().await.unwrap().is_persisted());
    }
    producer.close().await.unwrap();
    lane.produce(1).await;
    let bridge = lane.bridge();
    lane.drained().await;
    assert_eq!(lane.log("delivered")[&0], [0, 1, 2, 3]);
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mapping_holds_up_another_one() {
    let lane = Lane::new("beside", 2).await;
    lane.create_topic().await;
    lane.produce(20).await;
    let mut config = lane.config();
    let mut without_topic = lane.mapping.clone();
    without_topic.topic = format!("missing-{}", lane.mapping.topic);
    let mut without_function = lane.mapping.clone();
    without_function.function_name = "no-such-function".to_owned();
    without_function.consumer_group = format!("other-{}", lane.mapping.consumer_group);
    config.mappings.splice(0..0, [without_topic, without_function]);
    let bridge = RunningBridge::start(config);
    lane.drained().await;
    assert_eq!(lane.handled(), 20);
    bridge.stop().await;
}
