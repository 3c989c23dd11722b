//! Helpers for the topic of transfers, which has a lane to each of the three sinks: they produce records and read
//! verdicts.

use end_to_end::stack::{command, headwater};
use krafka::Kafka;
use krafka::producer::Record;
use serde_json::Value;

pub(super) const TOPIC: &str = "transfers-v1";
/// The consumer groups of its lanes: lake, totals, table.
pub(super) const GROUPS: [&str; 3] = ["transfers-lake", "transfers-totals", "transfers-table"];

/// Addresses of the brokers: `host:port`, comma-separated.
pub(super) fn servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap()
}

/// A new connection to the broker.
pub(super) async fn kafka() -> Kafka {
    Kafka::builder(servers()).connect().await.unwrap()
}

/// A transfer whose values depend on its number alone.
pub(super) fn transfer(number: usize) -> Record {
    let at = 1_795_209_862_123_u64 + number as u64;
    let text = format!(r#"{{"at":{at},"account":"{}","amount":1}}"#, number % 3);
    Record::new(TOPIC, text).partition(0).key(format!("{}", number % 3))
}

/// Produces `count` transfers and waits for the acknowledgements.
pub(super) async fn produce(count: usize) {
    let kafka = kafka().await;
    let producer = kafka.producer().build().await.unwrap();
    for number in 0..count {
        assert!(producer.enqueue(transfer(number)).await.unwrap().await.unwrap().is_persisted());
    }
    producer.close().await.unwrap();
}

/// The first offset of partition 0, and the offset of its next record.
pub(super) async fn ends() -> (i64, i64) {
    let kafka = kafka().await;
    let consumer = kafka.consumer_without_group().build().await.unwrap();
    consumer.fetch_watermarks(TOPIC, 0).await.unwrap()
}

/// The verdict of `headwater verify`, whether it holds or not. Panics if the exit status does not agree with it.
pub(super) fn verify() -> Value {
    let output = command().args(["verify", "--json", "--timeout", "5s"]).output().unwrap();
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.success(), verdict["holds"] == true, "{verdict}");
    verdict
}

/// Invokes lake-keeper with `force`: it writes checkpoints and compacts all tables. Returns its report about this
/// topic's table. Panics if a table has an error.
pub(super) async fn keep_lake() -> Value {
    let client = aws_sdk_lambda::Client::new(&settings::sdk_config().await);
    let request = aws_sdk_lambda::primitives::Blob::new(r#"{"force":true}"#);
    let done = client.invoke().function_name("lake-keeper").payload(request).send().await.unwrap();
    let report: Value = serde_json::from_slice(done.payload.unwrap().as_ref()).unwrap();
    let tables = report["tables"].as_array().unwrap_or_else(|| panic!("{report}"));
    assert!(tables.iter().all(|table| table["error"].is_null()), "{report}");
    tables.iter().find(|table| table["topic"] == TOPIC).unwrap().clone()
}

/// The mappings of this topic in the output of `headwater status`, `headwater verify` or the board.
pub(super) fn of_topic(report: &Value) -> Vec<Value> {
    let mappings = report["mappings"].as_array().unwrap();
    mappings.iter().filter(|mapping| mapping["topic"] == TOPIC).cloned().collect()
}

/// Waits until every lane has caught up. Returns how many records of the topic each lane stored. Panics unless the
/// verdict holds.
pub(super) fn stored() -> Vec<i64> {
    headwater(&["drain", "--timeout", "120s"]).unwrap();
    let verdict = verify();
    assert_eq!(verdict["holds"], true, "{verdict}");
    of_topic(&verdict).iter().map(|mapping| mapping["stored"].as_i64().unwrap()).collect()
}

/// `before` with `more` added to each number.
pub(super) fn plus(before: &[i64], more: i64) -> Vec<i64> {
    before.iter().map(|stored| stored + more).collect()
}
