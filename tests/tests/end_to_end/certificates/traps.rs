//! Cases in which a simple count of records would be wrong: slow lanes, transactions, redriven records, deleted
//! records, topics that are deleted and created again.

use std::time::Duration;

use end_to_end::{Function, event};
use kafka::LagReader;
use krafka::Kafka;
use krafka::admin::DeleteRecordsOptions;
use krafka::consumer::TopicPartition;
use krafka::producer::Record as Outgoing;
use serde_json::json;

use super::{LANES, Proof, reconciler, soon, transfer};

/// The certificate fails, but its problem says that the records are not handled yet.
#[tokio::test]
async fn a_lane_that_has_not_passed_its_window_is_behind_and_holds_when_it_has() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver_to(0).await;
    proof.deliver_to(2).await;
    let certified = proof.certify().await;
    let problems = certified.fails_only("totals-upserter");
    assert!(problems.contains("behind: not handled yet"), "{problems}");
    assert_eq!(certified.last("totals-upserter")["missing"], 10);
    proof.deliver().await;
    proof.certify().await.all_hold();
}

/// Markers and aborted records have offsets, but consumers never get them. They must not count as missing.
#[tokio::test]
async fn transaction_markers_and_aborted_records_are_not_produced() {
    let mut proof = Proof::start().await;
    let kafka = Kafka::builder(proof.topic.servers.as_str()).connect().await.unwrap();
    let producer = kafka.producer().build_transactional(proof.parts.topic.as_str()).await.unwrap();
    for commit in [true, false, true] {
        producer.begin().unwrap();
        for number in 0..6 {
            let value = transfer(&format!("a{number}"), 1);
            let record = Outgoing::new(proof.parts.topic.as_str(), value).partition(0);
            let _sent = producer.send(record).await.unwrap();
        }
        if commit {
            producer.commit().await.unwrap();
        } else {
            producer.abort().await.unwrap();
        }
    }
    producer.close().await.unwrap();
    // Two of three transactions are committed, with six records each.
    let records = proof.committed().await;
    assert_eq!(records.len(), 12);
    for lane in LANES {
        let mut function = Function::start(lane, &proof.parts, &[proof.pipeline.clone()]).await;
        function.invoke(&event(&proof.parts.topic, &records)).await.all_handled();
    }
    let certified = proof.certify().await;
    certified.all_hold();
    assert_eq!(certified.last("totals-upserter")["produced"], 12);
}

/// The record is parked in one window and stored after that window was judged. Both windows must hold, and the sum must
/// contain its amount once.
#[tokio::test]
async fn a_parked_record_that_is_redriven_later_is_stored_once_and_adds_to_the_sum() {
    let mut proof = Proof::start().await;
    proof.transfer(0..5).await;
    // `at` is text instead of milliseconds, so the record is poison until the pipeline file changes.
    let late = json!({"at": "2026-11-20 21:24:22", "account": "late", "amount": 30}).to_string();
    proof.produce([late]).await;
    proof.deliver().await;
    let certified = proof.certify().await;
    certified.all_hold();
    assert_eq!(certified.last("parquet-writer")["parked"], 1);
    let mended = proof.pipeline.replace(", format: epoch_millis", "");
    let records = proof.committed().await;
    let late: Vec<_> = records
        .iter()
        .filter(|record| record.value.as_ref().unwrap().windows(4).any(|part| part == b"late"))
        .collect();
    assert_eq!(late.len(), 1);
    for lane in LANES {
        let mut function = Function::start(lane, &proof.parts, std::slice::from_ref(&mended)).await;
        function.invoke(&event(&proof.parts.topic, late.iter().copied())).await.all_handled();
    }
    proof.reconciler = reconciler(&proof.parts, &mended, &proof.topic.servers, &[]).await;
    let certified = proof.certify().await;
    certified.all_hold();
    let sum = format!("SELECT sum(balance)::text FROM {}.balances", proof.parts.totals_table());
    assert_eq!(proof.sinks.query_text(&sum).await, ["35"]);
}

/// Two of three lanes read the records before they are deleted from Kafka, so only the third one has lost them.
#[tokio::test]
async fn records_that_kafka_deleted_before_a_lane_read_them_are_lost_until_an_operator_accepts_it() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    proof.certify().await.all_hold();
    proof.transfer(10..20).await;
    proof.deliver_to(0).await;
    proof.deliver_to(2).await;
    let kafka = Kafka::builder(proof.topic.servers.as_str()).connect().await.unwrap();
    let offsets = LagReader::connect(&proof.topic.servers, Duration::from_secs(10)).await.unwrap();
    let ends = offsets.ends(&proof.parts.topic, soon()).await.unwrap();
    let all = ends.iter().map(|(&number, &(_, end))| (TopicPartition::new(&proof.parts.topic, number), end));
    let _deleted = kafka.admin().delete_records(all, DeleteRecordsOptions::default()).await.unwrap();
    let certified = proof.certify().await;
    assert_eq!(certified.last("totals-upserter")["state"], "failed", "{certified:?}");
    assert_eq!(certified.last("totals-upserter")["lost"], 10, "{certified:?}");
    assert_eq!(certified.last("parquet-writer")["state"], "holds", "it had them: {certified:?}");
    let accepted = warehouse::certificates::accept(
        proof.sinks.database(),
        &proof.parts.topic,
        "transfers-totals",
        "the source sends them again",
    );
    assert_eq!(accepted.await.unwrap(), 1);
    let certified = proof.certify().await;
    assert_eq!(certified.0["failed"], 0, "{certified:?}");
    assert!(proof.states().await.contains(&"totals-upserter 2 accepted".to_owned()));
}

/// The topic is created again between the closing and the judgement of a window, so Kafka no longer has its records.
#[tokio::test]
async fn a_window_of_a_topic_that_was_created_again_fails_and_the_next_one_starts_at_offset_0() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    // This run closes windows, but does not judge them: the default grace period gives the lanes time.
    let answer = proof.reconciler.invoke(b"{}").await.answer();
    assert_eq!(answer["topics"][0]["closed"], 3, "{answer}");
    proof.create_again().await;
    proof.transfer(0..4).await;
    let certified = proof.certify().await;
    for lane in LANES {
        let judged = certified.of(lane);
        let problems = judged[0]["problems"].to_string();
        assert!(problems.contains("deleted and created again"), "{lane}: {problems}");
        let starts: Vec<_> =
            judged[1]["window"].as_array().unwrap().iter().map(|span| &span["start"]).collect();
        assert_eq!(starts, [&json!(0), &json!(0)], "{lane}");
        assert_eq!(judged[1]["produced"], 4, "{lane}");
    }
}
