//! Pipeline files: valid ones are read, and the problems of invalid ones are reported with their lines.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pipeline::{Pipeline, Pipelines};

/// A valid file with a lake and totals.
const GOOD: &str = include_str!("../../../pipelines/rooms-v1.yaml");

/// A valid file with a table.
const VEHICLES: &str = include_str!("../../../pipelines/telemetry-v1.yaml");

/// The error message for a file that must be rejected.
fn problems(yaml: &str) -> String {
    Pipeline::from_yaml(yaml, "p.yaml").unwrap_err().to_string()
}

/// The number (from 1) of the first line of the good file that contains `text`.
fn line(text: &str) -> usize {
    GOOD.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn json_of_terraform_and_yaml_give_the_same_pipeline() {
    let pipeline = Pipeline::from_yaml(GOOD, "rooms-v1.yaml").unwrap();
    let json = serde_json::to_string(&[&pipeline]).unwrap();
    let pipelines = Pipelines::from_json(&json).unwrap();
    assert_eq!(pipelines.of_topic("rooms-v1"), Some(&pipeline));
    assert_eq!(pipelines.of_topic("rooms-v2"), None);
}

#[test]
fn an_unknown_field_reference_is_reported_with_its_line() {
    let bad = GOOD.replace("sum: count", "sum: cuont").replace("event_time: ts", "event_time: room");
    let problems = problems(&bad);
    assert!(problems.contains(&format!("p.yaml:{}: totals.sum", line("sum: count"))), "{problems}");
    assert!(problems.contains(&format!("p.yaml:{}: event_time", line("event_time: ts"))), "{problems}");
}

#[test]
fn an_unknown_key_or_type_is_reported_with_its_line() {
    for (good, bad) in [("sum: count", "summ: count"), ("type: string", "type: text")] {
        let problems = problems(&GOOD.replace(good, bad));
        assert!(problems.contains(&line(good).to_string()), "{problems}");
    }
}

#[test]
fn settings_beyond_the_limits_of_aws_are_rejected() {
    for (key, value) in [("batch_size", "10001"), ("window_seconds", "301"), ("starting_position", "LATEST")]
    {
        let yaml = format!("{}\nbatching:\n  {key}: {value}\n", GOOD.split("\nbatching:").next().unwrap());
        assert!(problems(&yaml).contains(key) || problems(&yaml).contains("LATEST"), "{key}");
    }
}

#[test]
fn invalid_names_of_columns_and_tables_are_rejected() {
    for bad in ["name: _offset", "name: ROOM", "name: 'a b'"] {
        assert!(Pipeline::from_yaml(&GOOD.replace("name: count", bad), "p.yaml").is_err(), "{bad}");
    }
    assert!(
        problems(&GOOD.replace("table: room_n_total_counts", "table: 'x; drop'")).contains("totals.table")
    );
}

#[test]
fn two_files_must_not_have_the_same_topic_or_sink() {
    let pipeline = Pipeline::from_yaml(GOOD, "rooms-v1.yaml").unwrap();
    let mut other = pipeline.clone();
    other.topic.name = "rooms-v2".into();
    let json = serde_json::to_string(&[&pipeline, &pipeline, &other]).unwrap();
    let problems = Pipelines::from_json(&json).unwrap_err().to_string();
    for word in ["describes this topic", "lake.path", "totals.table"] {
        assert!(problems.contains(word), "{word} in {problems}");
    }
    let mut vehicles = Pipeline::from_yaml(VEHICLES, "telemetry-v1.yaml").unwrap();
    vehicles.table.as_mut().unwrap().name = "room_n_total_counts".into();
    let json = serde_json::to_string(&[&pipeline, &vehicles]).unwrap();
    let problems = Pipelines::from_json(&json).unwrap_err().to_string();
    assert!(problems.contains("table.name: is also totals.table in rooms-v1"), "{problems}");
}

#[test]
fn an_invalid_table_section_is_reported_with_its_path() {
    for (from, to, problem) in [
        ("name: av_telemetry.diag", "name: av.telemetry.diag", "table.name: is `table` or `schema.table`"),
        ("key: [vin, timestamp]", "key: [vin, speed]", "table.key.1: must name a field that is not nullable"),
        ("key: [vin, timestamp]", "key: [vin, vin, timestamp]", "table.key.1: is named twice"),
        (
            "key: [vin, timestamp]",
            "key: [vin]",
            "table.retention_days: needs the `event_time` field in `key`",
        ),
        ("event_time: timestamp", "", "table.retention_days: needs `event_time`"),
        ("retention_days: 30", "retention_days: 0", "table.retention_days: is 1 to 36,500"),
        ("- [timestamp]", "- [when]", "table.indexes.0.0: must name a field"),
        ("id_column: id", "id_column: vin", "the table has two columns called `vin`"),
        (
            "id_column: id",
            "id_column: received_at",
            "table.id_column: this table already has a column `received_at`",
        ),
        ("name: model,", "name: received_at,", "the table has two columns called `received_at`"),
        (
            "consumer_group: diagnostics",
            "consumer_group: ''",
            "table.consumer_group: a consumer group is 1 to 200",
        ),
    ] {
        assert!(VEHICLES.contains(from), "{from}");
        let problems = problems(&VEHICLES.replacen(from, to, 1));
        assert!(problems.contains(problem), "{problem} in {problems}");
    }
    let without_key = VEHICLES
        .replace("  key: [vin, timestamp]\n  on_repeat: keep_first", "  on_repeat: replace_by_newest");
    assert!(problems(&without_key).contains("table.on_repeat: needs a `key`"));
}
