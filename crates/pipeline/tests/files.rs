//! Pipeline files: what is right is read, what is wrong is told with its line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pipeline::{Pipeline, Pipelines};

const GOOD: &str = include_str!("../../../pipelines/rooms-v1.yaml");

fn problems(yaml: &str) -> String {
    Pipeline::from_yaml(yaml, "p.yaml").unwrap_err().to_string()
}

/// The line (from 1) of the first line of the good file that holds `text`.
fn line(text: &str) -> usize {
    GOOD.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn json_from_terraform_and_yaml_from_people_say_the_same() {
    let pipeline = Pipeline::from_yaml(GOOD, "rooms-v1.yaml").unwrap();
    let json = serde_json::to_string(&[&pipeline]).unwrap();
    let pipelines = Pipelines::from_json(&json).unwrap();
    assert_eq!(pipelines.of_topic("rooms-v1"), Some(&pipeline));
    assert_eq!(pipelines.of_topic("rooms-v2"), None);
}

#[test]
fn a_wrong_reference_is_told_with_its_line() {
    let bad = GOOD.replace("sum: count", "sum: cuont").replace("event_time: ts", "event_time: room");
    let problems = problems(&bad);
    assert!(problems.contains(&format!("p.yaml:{}: totals.sum", line("sum: count"))), "{problems}");
    assert!(problems.contains(&format!("p.yaml:{}: event_time", line("event_time: ts"))), "{problems}");
}

#[test]
fn an_unknown_key_or_type_is_told_with_its_line() {
    for (good, bad) in [("sum: count", "summ: count"), ("type: string", "type: text")] {
        let problems = problems(&GOOD.replace(good, bad));
        assert!(problems.contains(&line(good).to_string()), "{problems}");
    }
}

#[test]
fn settings_that_aws_would_refuse_are_refused_here() {
    for (key, value) in [("batch_size", "10001"), ("window_seconds", "301"), ("starting_position", "LATEST")]
    {
        let yaml = format!("{}\nbatching:\n  {key}: {value}\n", GOOD.split("\nbatching:").next().unwrap());
        assert!(problems(&yaml).contains(key) || problems(&yaml).contains("LATEST"), "{key}");
    }
}

#[test]
fn names_that_a_table_could_not_have_are_refused() {
    for bad in ["name: _offset", "name: ROOM", "name: 'a b'"] {
        assert!(Pipeline::from_yaml(&GOOD.replace("name: count", bad), "p.yaml").is_err(), "{bad}");
    }
    assert!(
        problems(&GOOD.replace("table: room_n_total_counts", "table: 'x; drop'")).contains("totals.table")
    );
}

#[test]
fn two_files_must_not_claim_one_topic_or_one_sink() {
    let pipeline = Pipeline::from_yaml(GOOD, "rooms-v1.yaml").unwrap();
    let mut other = pipeline.clone();
    other.topic.name = "rooms-v2".into();
    let json = serde_json::to_string(&[&pipeline, &pipeline, &other]).unwrap();
    let problems = Pipelines::from_json(&json).unwrap_err().to_string();
    for word in ["describe this topic", "lake.path", "totals.table"] {
        assert!(problems.contains(word), "{word} in {problems}");
    }
}
