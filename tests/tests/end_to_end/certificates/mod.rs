//! Certificates: a fault in a lane makes its next certificate fail. After the repair, the certificate holds.

mod damage;
mod runs;
mod traps;

use std::collections::BTreeMap;
use std::time::Duration;

use end_to_end::{Function, Parts, Record, Sinks, Topic, event};
use kafka::{ClusterSettings, KafkaProducer, LagReader, OutgoingRecord, SdkConfig};
use krafka::Kafka;
use krafka::admin::DeleteTopicsOptions;
use reconcile::{Cluster, offsets::within, records::Reader};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The functions of the three lanes. Other arrays in these tests have the same order.
pub(crate) const LANES: [&str; 3] = ["parquet-writer", "totals-upserter", "table-writer"];

/// Deadline of a step: one minute from now, which is enough on a busy machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A topic of transfers with its three lanes and a database of its own, because reconciler takes one lock per database.
pub(crate) struct Proof {
    pub(crate) parts: Parts,
    pub(crate) pipeline: String,
    pub(crate) topic: Topic,
    pub(crate) sinks: Sinks,
    reconciler: Function,
    lanes: Vec<Function>,
    producer: KafkaProducer,
    /// For each lane: the first offset of each partition that was not delivered to it yet.
    delivered: [BTreeMap<i32, i64>; 3],
}

impl Proof {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Like [`Self::start`], with further environment variables for reconciler.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let parts = Parts::of_environment().with_own_database().await;
        let pipeline = include_str!("../../../pipelines/transfers-v1.yaml")
            .replace("transfers-v1", &parts.topic)
            .replace("bank.", &format!("{}.", parts.totals_table()));
        let topic = Topic::make(&parts.topic, 2).await;
        let pipelines = [pipeline.clone()];
        let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        let reconciler = reconciler(&parts, &pipeline, &topic.servers, variables).await;
        let mut lanes = Vec::new();
        for lane in LANES {
            lanes.push(Function::start(lane, &parts, &pipelines).await);
        }
        let producer = producer(&topic.servers);
        let sinks = Sinks::open(&parts).await;
        Self { parts, pipeline, topic, sinks, reconciler, lanes, producer, delivered: Default::default() }
    }

    /// Deletes the topic and creates it again. Returns when the new one accepts records.
    pub(crate) async fn create_again(&mut self) {
        let kafka = Kafka::builder(self.topic.servers.as_str()).connect().await.unwrap();
        let options = DeleteTopicsOptions::default();
        let _deleted = kafka.admin().delete_topics([self.parts.topic.as_str()], options).await.unwrap();
        end_to_end::until("the topic is gone", async || {
            let offsets = LagReader::connect(&self.topic.servers, Duration::from_secs(10)).await.unwrap();
            offsets.ends(&self.parts.topic, soon()).await.is_err()
        })
        .await;
        self.topic = Topic::make(&self.parts.topic, 2).await;
        self.producer = producer(&self.topic.servers);
    }

    /// Produces records with these values. The keys are 0, 1, 2 and so on.
    pub(crate) async fn produce(&self, values: impl IntoIterator<Item = String>) {
        let records = values.into_iter().enumerate();
        let records = records.map(|(number, value)| OutgoingRecord::new(number.to_string(), value));
        let _acknowledged = self.producer.send_all(&self.parts.topic, records, soon()).await.unwrap();
    }

    /// Produces one transfer with the amount 1 for each account number.
    pub(crate) async fn transfer(&self, accounts: std::ops::Range<usize>) {
        self.produce(accounts.map(|number| transfer(&format!("a{number}"), 1))).await;
    }

    /// All records of the topic except those of open and aborted transactions.
    pub(crate) async fn committed(&self) -> Vec<Record> {
        let offsets = LagReader::connect(&self.topic.servers, Duration::from_secs(30)).await.unwrap();
        let ends = offsets.ends(&self.parts.topic, soon()).await.unwrap();
        let wanted = ends.iter().map(|(&number, &ends)| (number, within(ends))).collect();
        let cluster = Cluster::plaintext(self.topic.servers.clone());
        let mut reader = Reader::open(&cluster, &self.parts.topic, &wanted).await.unwrap();
        let mut all = Vec::new();
        while let Some(records) = reader.next().await.unwrap() {
            all.extend(records.into_iter().map(|record| Record {
                partition: record.partition,
                offset: record.offset,
                timestamp_ms: record.timestamp,
                value: record.value.map(|value| value.to_vec()),
            }));
        }
        all
    }

    /// Delivers to one lane, in one batch, all records that it did not get yet.
    pub(crate) async fn deliver_to(&mut self, lane: usize) {
        let mut records = self.committed().await;
        let next = &mut self.delivered[lane];
        records.retain(|record| record.offset >= next.get(&record.partition).copied().unwrap_or(0));
        for record in &records {
            next.insert(record.partition, record.offset + 1);
        }
        if !records.is_empty() {
            self.lanes[lane].invoke(&event(&self.parts.topic, &records)).await.all_handled();
        }
    }

    /// Delivers to every lane the records that it did not get yet.
    pub(crate) async fn deliver(&mut self) {
        for lane in 0..LANES.len() {
            self.deliver_to(lane).await;
        }
    }

    /// Runs reconciler without a grace period: it closes a window of each lane, and judges the closed windows. Panics
    /// if the run reports an error or another run is active.
    pub(crate) async fn certify(&mut self) -> Certified {
        let answer = self.reconciler.invoke(br#"{"grace_minutes":0}"#).await.answer();
        assert_eq!(
            (&answer["busy"], &answer["topics"][0]["error"]),
            (&json!(false), &Value::Null),
            "{answer}"
        );
        Certified(answer)
    }

    /// A lane in the board's answer to `/api/proof`.
    pub(crate) async fn on_the_board(&self, function: &str) -> Value {
        let mut board =
            Function::start("live-board", &self.parts, std::slice::from_ref(&self.pipeline)).await;
        let answer = board.ask("GET", "/api/proof", &[], b"").await.json();
        let lanes = answer["lanes"].as_array().unwrap_or_else(|| panic!("{answer}"));
        lanes.iter().find(|lane| lane["function"] == function).unwrap().clone()
    }

    /// Every certificate as `FUNCTION NUMBER STATE`, sorted by function and number.
    pub(crate) async fn states(&self) -> Vec<String> {
        let sql =
            "SELECT function || ' ' || number || ' ' || state FROM certificates ORDER BY function, number";
        self.sinks.query_text(sql).await
    }
}

fn producer(servers: &str) -> KafkaProducer {
    KafkaProducer::new(ClusterSettings::plaintext(servers), SdkConfig::builder().build())
}

/// Starts another environment of reconciler.
pub(crate) async fn reconciler(
    parts: &Parts,
    pipeline: &str,
    servers: &str,
    variables: &[(&str, &str)],
) -> Function {
    let mut all = vec![("KAFKA_BOOTSTRAP_SERVERS", servers)];
    all.extend(variables);
    Function::start_with("reconciler", parts, &[pipeline.to_owned()], &all).await
}

/// The value of a record: a valid transfer as JSON.
pub(crate) fn transfer(account: &str, amount: i64) -> String {
    json!({"at": 1_795_209_862_000_i64, "account": account, "amount": amount}).to_string()
}

/// The answer of one run of reconciler, which covers one topic.
#[derive(Debug)]
pub(crate) struct Certified(pub(crate) Value);

impl Certified {
    /// The windows of a lane that this run judged, the newest last.
    pub(crate) fn of(&self, function: &str) -> Vec<&Value> {
        let judged = self.0["topics"][0]["judged"].as_array().unwrap();
        let mut judged: Vec<_> = judged.iter().filter(|one| one["function"] == function).collect();
        judged.sort_by_key(|one| one["number"].as_i64());
        judged
    }

    /// The newest window of a lane that this run judged.
    pub(crate) fn last(&self, function: &str) -> &Value {
        self.of(function).last().unwrap_or_else(|| panic!("no certificate of {function}: {}", self.0))
    }

    /// Panics unless this run judged a window of every lane and all certificates hold.
    pub(crate) fn all_hold(&self) {
        for lane in LANES {
            assert!(!self.of(lane).is_empty(), "nothing of {lane} was judged: {}", self.0);
        }
        let judged = self.0["topics"][0]["judged"].as_array().unwrap();
        assert!(judged.iter().all(|one| one["state"] == "holds"), "{:#}", self.0);
        assert_eq!(self.0["failed"], 0, "{:#}", self.0);
    }

    /// Panics unless the newest window of this lane fails and those of the other lanes hold. Returns the problems as
    /// JSON.
    pub(crate) fn fails_only(&self, function: &str) -> String {
        for lane in LANES {
            let expected = if lane == function { "failed" } else { "holds" };
            assert_eq!(self.last(lane)["state"], expected, "{lane}: {:#}", self.0);
        }
        assert!(self.0["failed"].as_i64().unwrap() > 0, "{:#}", self.0);
        self.last(function)["problems"].to_string()
    }
}
