//! Pipeline files change on a running stack. `headwater up` migrates the tables before it deploys the functions. If a
//! change is impossible, it refuses at its start, and every lane keeps running.
//!
//! Each step deploys, which is slow, so all steps are one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use end_to_end::stack::{headwater, json, kill, up};
use end_to_end::{Parts, Sinks};
use kafka::{ClusterSettings, KafkaProducer, OutgoingRecord};
use serde_json::{Value, json};
use settings::Environment;
use tokio::time::Instant;

use super::TURN;

/// A topic with all three sinks.
const FLEET: &str = "
topic: { name: change-v1, partitions: 2 }
event_time: at
fields:
  - { name: at, type: timestamp, format: epoch_seconds }
  - { name: ship, type: string }
  - { name: size, type: int32 }
lake: { consumer_group: change-lake, path: change, partition_by: [{ name: day, value: '%Y-%m-%d' }] }
totals: { consumer_group: change-totals, table: change.sizes, key: [ship], sum: size }
table: { consumer_group: change-table, name: change.fleet, key: [ship, at], retention_days: 30 }
";

/// A topic with a table only, so that its fields can be widened.
const GAUGE: &str = "
topic: { name: change-gauge-v1, partitions: 1 }
fields:
  - { name: id, type: int32 }
table: { consumer_group: change-gauge-table, name: change.gauge, key: [id] }
";

/// A folder with the pipeline files of all tests and of this one. Dropping it deploys the stack as it was before.
struct Pipelines(PathBuf);

impl Pipelines {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("headwater-change-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let others = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
        for entry in fs::read_dir(others).unwrap().flatten() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        Self(folder)
    }

    fn write(&self, name: &str, yaml: &str) {
        fs::write(self.0.join(name), yaml).unwrap();
    }

    /// Runs `headwater up` with these pipelines. Returns its error if it refuses.
    fn up(&self) -> Result<String, String> {
        headwater(&["up", "--no-build", "--pipelines", self.0.to_str().unwrap()])
    }
}

impl Drop for Pipelines {
    fn drop(&mut self) {
        up();
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Produces records whose key and value are this JSON.
async fn produce(topic: &str, values: impl IntoIterator<Item = Value>) {
    let plaintext = [("KAFKA_AUTH".to_owned(), "plaintext".to_owned())];
    let environment: Environment = std::env::vars().chain(plaintext).collect();
    let settings = environment.settings::<ClusterSettings>().unwrap();
    let producer = KafkaProducer::new(settings, settings::sdk_config().await);
    let records = values.into_iter().map(|value| OutgoingRecord::new(value.to_string(), value.to_string()));
    let deadline = Instant::now() + Duration::from_secs(30);
    let acknowledged = producer.send_all(topic, records, deadline).await.unwrap();
    assert!(acknowledged.records > 0);
}

/// A valid record of [`FLEET`]. Each of the three ships has several records.
fn ship(number: i64) -> Value {
    json!({"at": 1_795_209_862 + number, "ship": format!("s{}", number % 3), "size": 2})
}

/// Terraform's state. Every apply writes it, so an equal state means that nothing was deployed.
fn deployed() -> Vec<u8> {
    let data = std::env::var("HEADWATER_DATA_DIR").unwrap();
    fs::read(Path::new(&data).join("terraform/terraform.tfstate")).unwrap()
}

fn drain() {
    headwater(&["drain", "--timeout", "120s"]).unwrap();
}

/// Waits until every lane has caught up. Returns how many records of the topic each of its lanes stored.
fn stored() -> Vec<u64> {
    drain();
    let verdict = json(&["verify", "--json"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
    let mappings = verdict["mappings"].as_array().unwrap().iter();
    let of_topic = mappings.filter(|mapping| mapping["topic"] == "change-v1");
    of_topic.map(|mapping| mapping["stored"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn tables_are_migrated_before_functions_and_a_refused_change_stops_no_lane() {
    let _turn = TURN.lock().await;
    let pipelines = Pipelines::new();
    pipelines.write("fleet.yaml", FLEET);
    pipelines.write("gauge.yaml", GAUGE);
    pipelines.up().unwrap();
    let sinks = Sinks::open(&Parts::of_environment()).await;
    let before = sinks.query_text("SELECT count(*)::text FROM change.fleet").await;
    assert_eq!(before, ["0"], "a fresh stack");
    produce("change-v1", (0..30).map(ship)).await;
    produce("change-gauge-v1", (0..5).map(|id| json!({"id": id}))).await;
    assert_eq!(stored(), [30, 30, 30]);

    // Adds a field to one topic and widens a field of the other.
    let crew = "\n  - { name: crew, type: int64, nullable: true }\nlake:";
    pipelines.write("fleet.yaml", &FLEET.replace("\nlake:", crew));
    pipelines.write("gauge.yaml", &GAUGE.replace("int32", "int64"));
    pipelines.up().unwrap();
    let with_crew = |number| {
        let mut value = ship(number);
        value["crew"] = json!(5_000_000_000_i64);
        value
    };
    produce("change-v1", (30..50).map(with_crew)).await;
    produce("change-gauge-v1", [json!({"id": 3_000_000_000_i64})]).await;
    assert_eq!(stored(), [50, 50, 50]);
    let crews = sinks.query_text("SELECT concat(count(*), ' ', count(crew)) FROM change.fleet").await;
    assert_eq!(crews, ["50 20"]);
    assert_eq!(sinks.query_text("SELECT max(id)::text FROM change.gauge").await, ["3000000000"]);

    // The lake refuses one change. The other one is possible, but must not be made either.
    let (was, bridge) = (deployed(), json(&["status", "--json"])["parts"]["bridge"]["pid"].clone());
    let refused = FLEET.replace("\nlake:", crew).replace("size, type: int32", "size, type: int64");
    pipelines.write("fleet.yaml", &refused);
    let wider = GAUGE.replace("int32", "int64");
    pipelines.write(
        "gauge.yaml",
        &wider.replace("\ntable:", "\n  - { name: new, type: json, nullable: true }\ntable:"),
    );
    let said = pipelines.up().unwrap_err();
    for part in ["fleet.yaml", "field size", "Delta table", "way out", "nothing was deployed"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert_eq!(deployed(), was, "the functions are as they were");
    assert_eq!(json(&["status", "--json"])["parts"]["bridge"]["pid"], bridge, "the bridge was not touched");
    let added = "SELECT count(*)::text FROM pg_attribute WHERE attrelid = 'change.gauge'::regclass AND attname = 'new'";
    assert_eq!(sinks.query_text(added).await, ["0"]);

    // Every lane keeps running. If the bridge has died, `up` starts it before it refuses the change.
    produce("change-v1", (50..60).map(with_crew)).await;
    drain();
    kill("bridge");
    pipelines.up().unwrap_err();
    produce("change-v1", (60..70).map(with_crew)).await;
    produce("change-gauge-v1", [json!({"id": 4_000_000_000_i64})]).await;
    drain();
    assert_eq!(sinks.query_text("SELECT count(crew)::text FROM change.fleet").await, ["40"]);
    assert_eq!(sinks.query_text("SELECT sum(total)::text FROM change.sizes").await, ["140"]);
    assert_eq!(sinks.query_text("SELECT max(id)::text FROM change.gauge").await, ["4000000000"]);

    // Without the impossible change, `up` makes the possible one.
    pipelines.write("fleet.yaml", &FLEET.replace("\nlake:", crew));
    pipelines.up().unwrap();
    assert_eq!(stored(), [70, 70, 70]);
    assert_eq!(sinks.query_text(added).await, ["1"]);
}
