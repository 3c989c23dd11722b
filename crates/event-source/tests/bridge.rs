//! Tests the bridge with a real broker (`KAFKA_BOOTSTRAP_SERVERS`), and with the queues and functions of
//! `AWS_ENDPOINT_URL`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod changes;
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod gaps;
mod queues;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use event_source::{Bridge, StartingPosition};
use krafka::admin::ListTopicsOptions;
use support::{Lane, RunningBridge, until};

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_delivered_once_in_order_and_the_tail_does_not_wait_for_a_full_batch() {
    let lane = Lane::new("order", 4).await;
    lane.create_topic().await;
    lane.produce(12_345).await;
    assert_eq!(lane.lag().await, 12_345, "a group without commits is behind by all there is");
    let bridge = lane.bridge();
    lane.drained().await;
    let delivered = lane.log("delivered");
    assert_eq!(delivered.values().map(Vec::len).sum::<usize>(), 12_345);
    for offsets in delivered.values() {
        assert!((0..).zip(offsets).all(|(expected, offset)| expected == *offset), "{offsets:?}");
    }
    bridge.stop().await;
    let status = lane.status();
    assert_eq!((status.handled, status.retries, status.given_up), (12_345, 0, 0));
    assert_eq!(status.committed.values().sum::<i64>(), 12_345);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_comes_later_is_waited_for() {
    let lane = Lane::new("later", 1).await;
    let bridge = lane.bridge();
    until("the bridge says what it waits for", async || {
        lane.status().lately.last_error.is_some_and(|error| error.contains("does not exist"))
    })
    .await;
    lane.create_topic().await;
    lane.produce(10).await;
    until("all are handled", async || lane.handled() == 10).await;
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_function_gets_its_batch_again_until_it_recovers() {
    let lane = Lane::new("recover", 2).await;
    lane.create_topic().await;
    lane.answer("fail");
    lane.produce(100).await;
    let bridge = lane.bridge();
    until("the failure shows in the status", async || {
        let status = lane.status();
        status.retries >= 2 && status.lately.last_error.is_some_and(|error| error.contains("to fail"))
    })
    .await;
    assert_eq!(lane.lag().await, 100, "nothing is committed");
    lane.answer("succeed");
    lane.drained().await;
    assert_eq!(lane.handled(), 100);
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_records_come_again_and_no_others() {
    let mut lane = Lane::new("partial", 2).await;
    lane.mapping.partial_batch_response = true;
    lane.create_topic().await;
    lane.answer("tenths");
    lane.produce(200).await;
    let bridge = lane.bridge();
    lane.drained().await;
    for (partition, offsets) in lane.log("delivered") {
        let mut times: BTreeMap<i64, usize> = BTreeMap::new();
        for offset in offsets {
            *times.entry(offset).or_default() += 1;
        }
        let expected = (0..100).map(|offset| (offset, if offset % 10 == 0 { 2 } else { 1 })).collect();
        assert_eq!(times, expected, "partition {partition}");
    }
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_up_records_are_at_the_failure_destination_and_block_nothing() {
    let mut lane = Lane::new("give-up", 2).await;
    let s3 = s3::client(&settings::sdk_config().await);
    let bucket = lane.mapping.topic.clone();
    s3.create_bucket().bucket(&bucket).send().await.unwrap();
    lane.mapping.on_failure = Some(format!("s3://{bucket}/failed/f"));
    lane.mapping.maximum_retries = 1;
    lane.create_topic().await;
    lane.answer("fail");
    lane.produce(100).await;
    let bridge = lane.bridge();
    lane.drained().await;
    assert_eq!(lane.handled(), 0);
    let listed = s3.list_objects_v2().bucket(&bucket).prefix("failed/f/").send().await.unwrap();
    let mut kept = BTreeSet::new();
    for object in listed.contents() {
        let body = s3.get_object().bucket(&bucket).key(object.key().unwrap()).send().await.unwrap().body;
        let json: serde_json::Value =
            serde_json::from_slice(&body.collect().await.unwrap().into_bytes()).unwrap();
        assert_eq!(json["requestContext"]["condition"], "RetryAttemptsExhausted");
        for record in
            json["payload"]["records"].as_object().unwrap().values().flat_map(|r| r.as_array().unwrap())
        {
            kept.insert((record["partition"].as_i64().unwrap(), record["offset"].as_i64().unwrap()));
        }
    }
    let all: BTreeSet<_> =
        (0..2).flat_map(|partition| (0..50).map(move |offset| (partition, offset))).collect();
    assert_eq!(kept, all);
    lane.answer("succeed");
    lane.produce(10).await;
    until("new records are handled", async || lane.handled() == 10).await;
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_created_again_is_read_from_its_new_start() {
    let lane = Lane::new("again", 1).await;
    lane.create_topic().await;
    lane.produce(500).await;
    let bridge = lane.bridge();
    lane.drained().await;
    lane.delete_topic().await;
    until("the name is free again", async || {
        lane.kafka
            .admin()
            .list_topics(ListTopicsOptions::default())
            .await
            .is_ok_and(|topics| !topics.contains(&lane.mapping.topic))
    })
    .await;
    lane.create_topic().await;
    // The new log has more records than the old one, so the old position is a valid offset in it.
    lane.produce(700).await;
    until("the whole new topic is handled", async || {
        let delivered = lane.log("delivered").remove(&0).unwrap_or_default();
        delivered.get(500..).unwrap_or_default().iter().collect::<BTreeSet<_>>().len() == 700
    })
    .await;
    lane.drained().await;
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_timestamp_skips_older_records_and_does_not_count_them_as_lag() {
    let mut lane = Lane::new("timestamp", 2).await;
    lane.create_topic().await;
    lane.produce(20).await;
    lane.mapping.starting_position = StartingPosition::AtTimestamp;
    lane.mapping.starting_position_timestamp =
        Some((chrono::Utc::now() + chrono::TimeDelta::milliseconds(1)).to_rfc3339());
    let bridge = lane.bridge();
    lane.drained().await;
    lane.produce(10).await;
    until("the new ones are handled", async || lane.handled() == 10).await;
    assert_eq!(lane.log("delivered")[&0], [10, 11, 12, 13, 14]);
    bridge.stop().await;
}

/// Not a test: it runs the bridge as a process for the test below.
#[tokio::test(flavor = "multi_thread")]
async fn bridge_process() {
    let Ok(mapping) = std::env::var("BRIDGE_PROCESS_MAPPING") else { return };
    let mut config =
        event_source::BridgeConfig::new(vec![serde_json::from_str(&mapping).unwrap()], support::servers());
    config.instance_id = Some("bridge".to_owned());
    Bridge::run(config, std::future::pending()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_bridge_skips_no_record() {
    let mut lane = Lane::new("kill", 4).await;
    lane.mapping.batch_size = 100;
    lane.create_topic().await;
    lane.produce(20_000).await;
    let mut handled = 0;
    for _ in 0..4 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bridge_process"])
            .env("BRIDGE_PROCESS_MAPPING", serde_json::to_string(&lane.mapping).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("some more are handled", async || lane.handled() >= (handled + 1500).min(20_000)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        handled = lane.handled();
    }
    lane.mapping.batch_size = 1000;
    let bridge = lane.bridge();
    lane.drained().await;
    bridge.stop().await;
    assert_eq!(lane.handled(), 20_000);
    assert_no_gap(&lane);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_change_hands_between_bridges_without_a_gap() {
    let mut lane = Lane::new("share", 4).await;
    lane.mapping.batch_size = 200;
    lane.create_topic().await;
    lane.produce(10_000).await;
    let mut config = lane.config();
    config.pollers = 2;
    let first = RunningBridge::start(config);
    until("the first bridge works", async || lane.handled() > 500).await;
    let mut config = lane.config();
    config.status_path = Some(lane.folder.join("second.json"));
    let second = RunningBridge::start(config);
    // Keep producing, because the first bridge may already have read all records.
    let mut produced = 10_000_usize;
    until("the second bridge has a share", async || {
        lane.produce(400).await;
        produced += 400;
        event_source::bridge::status::read(&lane.folder.join("second.json"))
            .is_ok_and(|status| status.mappings.iter().any(|mapping| mapping.handled > 500))
    })
    .await;
    first.stop().await;
    lane.produce(1000).await;
    lane.drained().await;
    second.stop().await;
    assert_eq!(lane.handled(), produced + 1000);
    assert_no_gap(&lane);
}

/// Asserts that no offset was skipped: each offset is at most one higher than the highest offset before it.
fn assert_no_gap(lane: &Lane) {
    for (partition, offsets) in lane.log("delivered") {
        let mut next = 0;
        for offset in offsets {
            assert!(offset <= next, "partition {partition}: {next} was skipped for {offset}");
            next = next.max(offset + 1);
        }
    }
}
