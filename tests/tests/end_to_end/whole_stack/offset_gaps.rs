//! Offsets without a record (because of transactions or compaction), and records that Kafka deleted before they were
//! read. `drain`, `status`, `verify` and the board must tell these two cases apart.

use std::time::Duration;

use end_to_end::stack::{headwater, json, kill, up};
use end_to_end::{Function, Parts};
use krafka::admin::{ConfigOp, ConfigResource, DeleteRecordsOptions, IncrementalAlterConfigsOptions};
use krafka::consumer::{AutoOffsetReset, TopicPartition};
use krafka::producer::TransactionalProducer;
use serde_json::json as value;
use tokio::time::Instant;

use super::TURN;
use super::transfers::{
    GROUPS, TOPIC, ends, kafka, keep_lake, of_topic, plus, produce, servers, stored, transfer, verify,
};

/// Sends transfers in a transaction that stays open.
async fn begin(producer: &TransactionalProducer, count: usize) {
    producer.begin().unwrap();
    for number in 0..count {
        let _sent = producer.send(transfer(number)).await.unwrap();
    }
}

/// Commit and abort markers and aborted records have offsets, but consumers never get them. They must count neither as
/// lag nor as lost or missing.
#[tokio::test]
async fn lanes_of_a_topic_that_is_written_in_transactions_reconcile() {
    let _turn = TURN.lock().await;
    let before = stored();
    assert_eq!(before.len(), 3, "lake, totals and table");
    let kafka = kafka().await;
    let producer = kafka.producer().build_transactional("transfers").await.unwrap();
    for _ in 0..2 {
        begin(&producer, 10).await;
        producer.commit().await.unwrap();
    }
    begin(&producer, 10).await;
    producer.abort().await.unwrap();
    // The topic ends with an abort marker.
    assert_eq!(stored(), plus(&before, 20));
    for mapping in of_topic(&json(&["status", "--json"])) {
        assert_eq!((&mapping["lag"], &mapping["lost"]), (&value!(0), &value!([])), "{mapping}");
    }
    // A delivery that starts after markers and aborted records leaves a hole in the sinks' positions.
    for round in 1..=3 {
        if round == 3 {
            // Compaction and a checkpoint must not change the lake's positions, holes and rows.
            let kept = keep_lake().await;
            let joined = kept["files_joined"].as_u64().unwrap();
            assert!(kept["checkpoint_made"] == true && joined >= 2, "{kept}");
            let verdict = verify();
            assert_eq!(verdict["holds"], true, "{verdict}");
        }
        begin(&producer, 5).await;
        producer.abort().await.unwrap();
        begin(&producer, 1).await;
        producer.commit().await.unwrap();
        assert_eq!(stored(), plus(&before, 20 + round));
    }
    // After the markers are deleted, nothing shows that these offsets had no records. They must not count as lost.
    let partition = TopicPartition::new(TOPIC, 0);
    let all = [(partition, ends().await.1)];
    let _deleted = kafka.admin().delete_records(all, DeleteRecordsOptions::default()).await.unwrap();
    let verdict = verify();
    assert_eq!(verdict["holds"], true, "{verdict}");
    producer.close().await.unwrap();
}

/// Consumers cannot read past the start of an open transaction, so the lag is 0 although records follow.
#[tokio::test]
async fn an_open_transaction_is_named_by_status_drain_and_verify() {
    let _turn = TURN.lock().await;
    let before = stored();
    let kafka = kafka().await;
    let producer = kafka.producer().build_transactional("transfers").await.unwrap();
    let (_, from) = ends().await;
    begin(&producer, 4).await;
    produce(2).await;
    for mapping in of_topic(&json(&["status", "--json"])) {
        let open = value!([{"partition": 0, "from": from, "offsets": 6}]);
        assert_eq!((&mapping["open_transactions"], &mapping["lag"]), (&open, &value!(0)), "{mapping}");
    }
    let failed = headwater(&["drain", "--timeout", "4s"]).unwrap_err();
    assert!(
        failed.contains(&format!("a transaction is open in {TOPIC}-0: 6 offsets from {from} on")),
        "{failed}"
    );
    let verdict = verify();
    assert_eq!(
        (&verdict["holds"], &verdict["open_transactions"][TOPIC][0]["from"]),
        (&value!(true), &value!(from))
    );
    producer.commit().await.unwrap();
    assert_eq!(stored(), plus(&before, 6));
    producer.close().await.unwrap();
}

/// The bridge is down while 20 of 30 records are deleted. All four tools must report these 20 as lost, before and after
/// the bridge has read the others.
#[tokio::test]
async fn records_that_kafka_deleted_before_they_were_read_are_lost_until_an_operator_accepts_it() {
    let _turn = TURN.lock().await;
    let before = stored();
    kill("bridge");
    let (_, end) = ends().await;
    produce(30).await;
    let kafka = kafka().await;
    let below = [(TopicPartition::new(TOPIC, 0), end + 20)];
    let _deleted = kafka.admin().delete_records(below, DeleteRecordsOptions::default()).await.unwrap();
    let lost = value!([{"partition": 0, "first": end, "last": end + 19}]);
    for bridge_has_been_there in [false, true] {
        if bridge_has_been_there {
            up();
            headwater(&["drain"]).unwrap();
        }
        for mapping in of_topic(&json(&["status", "--json"])) {
            assert_eq!(mapping["lost"], lost, "{mapping}");
        }
        let verdict = verify();
        assert_eq!(verdict["holds"], false);
        for mapping in of_topic(&verdict) {
            assert_eq!((&mapping["lost"], &mapping["lost_offsets"]), (&value!(20), &lost), "{mapping}");
            let expected = if bridge_has_been_there { 0 } else { 10 };
            assert_eq!(mapping["missing"], expected, "{mapping}");
        }
        let pipeline = include_str!("../../../pipelines/transfers-v1.yaml").to_owned();
        let parts = Parts::of_environment();
        let variables = [("KAFKA_BOOTSTRAP_SERVERS", servers())];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut board = Function::start_with("live-board", &parts, &[pipeline], &variables).await;
        let lanes = board.ask("GET", "/api/lanes", &[], b"").await.json();
        let shown = value!([{"partition": 0, "first": end.to_string(), "last": (end + 19).to_string()}]);
        for mapping in of_topic(&lanes) {
            assert_eq!((&mapping["lost"], &mapping["lost_offsets"]), (&value!("20"), &shown), "{mapping}");
        }
    }
    for group in GROUPS {
        headwater(&["offsets", "accept-loss", "--group", group, "--topic", TOPIC]).unwrap();
    }
    // The count of the lake covers only records that Kafka still has, the counts of Postgres also deleted ones.
    assert_eq!(stored(), [before[0] + 10, 10, before[2] + 10]);
    for mapping in of_topic(&json(&["status", "--json"])) {
        assert_eq!(mapping["lost"], value!([]), "{mapping}");
    }
    let nothing = headwater(&["offsets", "accept-loss", "--group", GROUPS[0], "--topic", TOPIC]).unwrap_err();
    assert!(nothing.contains("lost nothing"), "{nothing}");
}

/// Sets configuration entries of the topic.
async fn configure(settings: &[(&str, &str)]) {
    let kafka = kafka().await;
    let changes = settings.iter().map(|(name, value)| ConfigOp::set(*name, *value)).collect();
    let changes = [(ConfigResource::topic(TOPIC), changes)];
    let admin = kafka.admin();
    let altered = admin.incremental_alter_configs(changes, IncrementalAlterConfigsOptions::default()).await;
    altered.unwrap().into_values().for_each(|result| result.unwrap());
}

/// How many records a consumer gets from `offset` to the end of the topic.
async fn readable(offset: i64) -> usize {
    let kafka = kafka().await;
    let builder = kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest);
    let consumer = builder.build().await.unwrap();
    consumer.assign(TOPIC, vec![0]).await.unwrap();
    consumer.seek(TOPIC, 0, offset).await.unwrap();
    let (mut count, end) = (0, ends().await.1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while consumer.position(TOPIC, 0).await.is_none_or(|position| position < end) {
        assert!(Instant::now() < deadline, "the end is reached");
        count += consumer.poll(Duration::from_millis(200)).await.unwrap().len();
    }
    count
}

/// All records have one of three keys, so compaction removes most of them before a lane reads them.
#[tokio::test]
async fn lanes_of_a_compacted_topic_reconcile() {
    let _turn = TURN.lock().await;
    let before = stored();
    kill("bridge");
    configure(&[
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ])
    .await;
    let (_, end) = ends().await;
    produce(30).await;
    let deadline = Instant::now() + Duration::from_secs(90);
    let mut more = 0;
    // Kafka never compacts the newest segment. Each further record starts a new one.
    while readable(end).await >= 30 {
        assert!(Instant::now() < deadline, "the log is compacted");
        tokio::time::sleep(Duration::from_millis(500)).await;
        produce(1).await;
        more += 1;
    }
    configure(&[("cleanup.policy", "delete"), ("segment.ms", "604800000")]).await;
    up();
    let after = stored();
    assert!(
        after.iter().zip(&before).all(|(after, before)| after - before < 30 + more),
        "{before:?} {after:?}"
    );
}
