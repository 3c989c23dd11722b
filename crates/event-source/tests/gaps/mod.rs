//! Offsets without a record for the function: transaction markers, aborted records, records that Kafka deleted.
//!
//! Each test covers a bug that users of other consumers report: a lag that stays at 1 because of a commit marker, a lag
//! that includes an open transaction, and a consumer that silently continues elsewhere after its offset expired.

use std::time::Duration;

use bytes::Bytes;
use kafka::{LagReader, PartitionLag};
use krafka::admin::DeleteRecordsOptions;
use krafka::consumer::TopicPartition;
use krafka::producer::{Record, TransactionalProducer};
use tokio::time::Instant;

use crate::support::{Lane, servers, until};

/// A transactional producer with its own client.
async fn producer(lane: &Lane) -> TransactionalProducer {
    let id = format!("transactions-{}", lane.mapping.topic);
    let producer = lane.kafka.producer().transaction_timeout(Duration::from_mins(1));
    producer.build_transactional(id).await.unwrap()
}

async fn send(lane: &Lane, producer: &TransactionalProducer, count: usize) {
    producer.begin().unwrap();
    for _ in 0..count {
        let record = Record::new(&lane.mapping.topic, Bytes::from_static(b"in a transaction")).partition(0);
        let _sent = producer.send(record).await.unwrap();
    }
}

async fn delete_before(lane: &Lane, offset: i64) {
    let partition = TopicPartition::new(&lane.mapping.topic, 0);
    let options = DeleteRecordsOptions::default();
    let mut deleted =
        lane.kafka.admin().delete_records([(partition.clone(), offset)], options).await.unwrap();
    assert_eq!(deleted.remove(&partition).unwrap().unwrap(), offset);
}

async fn lag(lane: &Lane) -> PartitionLag {
    let reader = LagReader::connect(&servers(), Duration::from_secs(5)).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    reader.of(&lane.mapping.consumer_group, &lane.mapping.topic, deadline).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_records_are_delivered_aborted_ones_are_not_and_markers_are_no_lag() {
    let lane = Lane::new("transactions", 1).await;
    lane.create_topic().await;
    let producer = producer(&lane).await;
    for _ in 0..2 {
        send(&lane, &producer, 10).await;
        producer.commit().await.unwrap();
    }
    send(&lane, &producer, 10).await;
    producer.abort().await.unwrap();
    let bridge = lane.bridge();
    until("every offset is passed", async || lag(&lane).await.committed == Some(33)).await;
    // The log holds 0 to 9, a marker, 11 to 20, a marker, and then ten aborted records and their marker.
    assert_eq!(lane.log("delivered")[&0], (0..10).chain(11..21).collect::<Vec<_>>());
    assert_eq!(lag(&lane).await.lag, 0);
    // Only an aborted transaction is added to the partition.
    send(&lane, &producer, 3).await;
    producer.abort().await.unwrap();
    until("every offset is passed", async || lag(&lane).await.committed == Some(37)).await;
    bridge.stop().await;
    // After the last commit the log has only aborted records and a marker.
    send(&lane, &producer, 1).await;
    producer.abort().await.unwrap();
    until("the marker is written", async || lag(&lane).await.end == 39).await;
    let bridge = lane.bridge();
    lane.drained().await;
    bridge.stop().await;
    assert_eq!((lane.handled(), lag(&lane).await.lost_offsets()), (20, 0));
    producer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_is_no_lag_is_reported_and_holds_later_records_back() {
    let lane = Lane::new("open-transaction", 1).await;
    lane.create_topic().await;
    lane.produce(5).await;
    let bridge = lane.bridge();
    until("the first ones are handled", async || lane.handled() == 5).await;
    let producer = producer(&lane).await;
    send(&lane, &producer, 4).await;
    lane.produce(2).await;
    until("the transaction is seen", async || lag(&lane).await.open == 6).await;
    let waiting = lag(&lane).await;
    assert_eq!((waiting.end, waiting.lag), (5, 0));
    assert_eq!(lane.handled(), 5);
    producer.commit().await.unwrap();
    until("all are handled", async || lane.handled() == 11).await;
    until("the marker is passed", async || lag(&lane).await.committed == Some(12)).await;
    assert_eq!(lag(&lane).await.open, 0);
    bridge.stop().await;
    producer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_deleted_before_they_were_read_are_reported_and_reading_continues_at_the_oldest_record() {
    let lane = Lane::new("expired", 1).await;
    lane.create_topic().await;
    lane.produce(100).await;
    let bridge = lane.bridge();
    lane.drained().await;
    bridge.stop().await;
    lane.produce(100).await;
    delete_before(&lane, 150).await;
    let before = lag(&lane).await;
    assert_eq!((before.lost, before.lag), (vec![100..150], 50), "it is known before the bridge comes");
    let bridge = lane.bridge();
    lane.drained().await;
    let delivered: Vec<i64> = (0..100).chain(150..200).collect();
    assert_eq!(lane.log("delivered")[&0], delivered);
    until("the bridge says so", async || lane.status().lost.get(&0) == Some(&vec![100..150])).await;
    assert_eq!(lane.status().skipped, 50);
    bridge.stop().await;
    // The lost range is stored in the commit, so the next bridge knows it and adds to it.
    lane.produce(50).await;
    delete_before(&lane, 210).await;
    let bridge = lane.bridge();
    lane.drained().await;
    until("the bridge says so", async || lane.status().lost.get(&0) == Some(&vec![100..150, 200..210])).await;
    assert_eq!(lag(&lane).await.lost, [100..150, 200..210]);
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_deleted_to_its_end_is_lost_and_no_lag() {
    let lane = Lane::new("emptied", 1).await;
    lane.create_topic().await;
    // The group starts in an empty topic.
    let bridge = lane.bridge();
    until("the group has begun", async || lag(&lane).await.start == Some(0)).await;
    bridge.stop().await;
    lane.produce(40).await;
    delete_before(&lane, 40).await;
    let bridge = lane.bridge();
    until("the group is at the end", async || lag(&lane).await.committed == Some(40)).await;
    let after = lag(&lane).await;
    assert_eq!((after.lost, after.lag), (std::iter::once(0..40).collect(), 0));
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_comes_after_records_expired_lost_nothing() {
    let lane = Lane::new("late", 1).await;
    lane.create_topic().await;
    lane.produce(30).await;
    delete_before(&lane, 20).await;
    let bridge = lane.bridge();
    lane.drained().await;
    bridge.stop().await;
    let after = lag(&lane).await;
    assert_eq!((after.start, after.lost_offsets(), lane.handled()), (Some(20), 0, 10));
}
