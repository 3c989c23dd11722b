//! The live board's forecast, from a table that Spark wrote (`crates/lake/tests/fixtures/make_forecast.py`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use end_to_end::{Function, Parts, Sinks};
use s3::ObjectStore;
use serde_json::{Value, json};
use tokio::time::Instant;

const TABLE: &str = "forecast_72";

/// The table before its first run.
const EMPTY: &str = concat!(
    r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#,
    "\n",
    r#"{"metaData":{"id":"0d6f6bb1","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"dt\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["dt"],"configuration":{}}}"#,
    "\n"
);

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A board of a lake of its own.
struct Lake {
    parts: Parts,
    table: ObjectStore,
}

impl Lake {
    async fn make() -> Self {
        let parts = Parts::of_environment();
        let client = Sinks::open(&parts).await.client();
        let table = ObjectStore::new(client, parts.lake_root.join(TABLE));
        Self { parts, table }
    }

    async fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.table.put(path, body.into().into(), soon()).await.unwrap();
    }

    /// Puts the table that Spark wrote, the log last; returns the paths of its files.
    async fn put_spark_table(&self) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/lake/tests/fixtures/forecast");
        let mut files = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        for file in files.iter().rev() {
            self.put(file, fs::read(root.join(file)).unwrap()).await;
        }
        files
    }

    async fn board(&self, table: &str) -> Function {
        Function::start_with(
            "live-board",
            &self.parts,
            &[self.parts.rooms_pipeline()],
            &[("FORECAST_TABLE", table)],
        )
        .await
    }

    /// What a new process of the board answers.
    async fn ask(&self, path: &str) -> (u64, Value) {
        let answer = self.board(TABLE).await.ask("GET", path, &[], b"").await;
        (answer.status, answer.json())
    }
}

#[tokio::test]
async fn without_a_table_and_without_a_row_there_is_no_forecast_and_no_error() {
    let lake = Lake::make().await;
    let unset = lake.board("").await.ask("GET", "/api/forecast", &[], b"").await;
    assert_eq!((unset.status, unset.json()), (200, json!({"table": null, "cities": []})));

    let (status, absent) = lake.ask("/api/forecast").await;
    assert_eq!((status, &absent["table"], &absent["version"]), (200, &json!(TABLE), &Value::Null));
    assert_eq!(absent["cities"], json!([]));
    assert_eq!(lake.ask("/api/lake").await.1["tables"], json!([]));

    lake.put("_delta_log/00000000000000000000.json", EMPTY).await;
    let (status, empty) = lake.ask("/api/forecast").await;
    assert_eq!((status, &empty["version"], &empty["extracted_at"]), (200, &json!("0"), &Value::Null));
    assert_eq!(empty["cities"], json!([]));
    let listed = &lake.ask("/api/lake").await.1["tables"];
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["topic"], &listed[0]["path"], &listed[0]["rows"]),
        (&Value::Null, &json!(TABLE), &json!("0"))
    );
}

/// City, extract, hours.
fn outline(answer: &Value) -> Vec<(i64, String, usize)> {
    let outline = |city: &Value| {
        let text = city["extracted_at"].as_str().unwrap().to_owned();
        (city["id"].as_i64().unwrap(), text, city["points"].as_array().unwrap().len())
    };
    answer["cities"].as_array().unwrap().iter().map(outline).collect()
}

#[tokio::test]
async fn each_citys_newest_extract_is_shown_as_spark_wrote_it_and_read_anew_when_the_table_changes() {
    let lake = Lake::make().await;
    lake.put_spark_table().await;
    let mut board = lake.board(TABLE).await;
    let answer = board.ask("GET", "/api/forecast", &[], b"").await.json();
    // The last extract of 3478 is fifteen days older than the newest.
    let of_first = (3477, "2026-11-25T23:00:05.123456Z".to_owned(), 72);
    let of_second = (5959, "2026-11-24T23:00:05Z".to_owned(), 72);
    assert_eq!(outline(&answer), [of_first, of_second.clone()]);
    assert_eq!((&answer["version"], &answer["city_count"]), (&json!("4"), &json!(2)));
    assert_eq!(answer["extracted_at"], "2026-11-25T23:00:05.123456Z");
    let city = &answer["cities"][0];
    assert_eq!((&city["state"], &city["country"]), (&json!("SP"), &json!("BR")));
    for (hour, at, temperature, precipitation) in [
        (0, "2026-11-26T00:00:00Z", 0.1, Value::Null),
        (6, "2026-11-26T06:00:00Z", 6.1, json!(0.5)),
        (71, "2026-11-28T23:00:00Z", 71.1, json!(0.0)),
    ] {
        let expected = json!({"at": at, "temperature": temperature, "precipitation": precipitation});
        assert_eq!(city["points"][hour], expected, "{hour}");
    }

    // The next version takes the last run back.
    let commit = lake.table.get("_delta_log/00000000000000000004.json", soon()).await.unwrap().unwrap();
    let lines = commit.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let adds = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()["add"]["path"].clone());
    let removes: Vec<_> =
        adds.filter(Value::is_string).map(|path| json!({"remove": {"path": path}}).to_string()).collect();
    assert_eq!(removes.len(), 3);
    lake.put("_delta_log/00000000000000000005.json", removes.join("\n")).await;
    let deadline = soon();
    let answer = loop {
        let answer = board.ask("GET", "/api/forecast", &[], b"").await.json();
        if answer["version"] == "5" {
            break answer;
        }
        assert!(Instant::now() < deadline, "version 5 is read: {}", answer["version"]);
    };
    assert_eq!(outline(&answer), [(3477, "2026-11-24T23:00:05Z".to_owned(), 72), of_second]);
}

#[tokio::test]
async fn a_file_that_is_gone_makes_the_section_say_so_and_an_old_one_is_not_missed() {
    let lake = Lake::make().await;
    let files = lake.put_spark_table().await;
    let of_day = |day: &str| {
        files.iter().filter(|file| file.starts_with(&format!("dt={day}/"))).cloned().collect::<Vec<_>>()
    };
    let oldest = of_day("2026-11-11");
    assert!(!oldest.is_empty());
    for file in oldest {
        lake.table.delete(&file, soon()).await.unwrap();
    }
    assert_eq!(lake.ask("/api/forecast").await.0, 200);
    for file in of_day("2026-11-28") {
        lake.table.delete(&file, soon()).await.unwrap();
    }
    let (status, answer) = lake.ask("/api/forecast").await;
    assert_eq!(status, 503);
    assert!(answer["error"].as_str().unwrap().contains("S3 does not have it"), "{answer}");
}
