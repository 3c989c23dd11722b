//! `headwater lake`: its reports about a table, its upkeep, and its errors when it is used wrongly.

use std::path::Path;

use end_to_end::stack::headwater;
use serde_json::{Value, json as value};

use super::TURN;
use super::transfers::{TOPIC, produce, stored};

/// Runs the command and parses each line of its output as JSON.
fn lines(arguments: &[&str]) -> Vec<Value> {
    headwater(arguments).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What `headwater lake stats` reports about the table of transfers.
fn stats() -> Value {
    let all = lines(&["lake", "stats", TOPIC, "--json"]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

/// Runs the command. Returns the columns after the topic's name in the topic's line.
fn row(arguments: &[&str]) -> Vec<String> {
    let text = headwater(arguments).unwrap();
    let line = text.lines().find(|line| line.trim_start().starts_with(TOPIC));
    line.unwrap_or_else(|| panic!("{text}")).split_whitespace().skip(1).map(ToOwned::to_owned).collect()
}

/// Each `--dry-run` must leave the table unchanged. A second compaction must find nothing to do.
#[tokio::test]
async fn stats_and_history_show_the_effect_of_compact_checkpoint_and_vacuum() {
    let _turn = TURN.lock().await;
    for _ in 0..3 {
        produce(5).await;
        headwater(&["drain"]).unwrap();
    }
    let rows = stored();
    let before = stats();
    let (files, version) = (before["files"].as_u64().unwrap(), before["version"].as_i64().unwrap());
    assert!(before["rows"].as_u64().unwrap() >= 15, "{before}");
    assert!(files >= 3 && before["small_files"].as_u64().unwrap() >= 3, "{before}");

    let planned = row(&["lake", "compact", TOPIC, "--force", "--dry-run"]);
    assert_eq!(planned[0], files.to_string(), "{planned:?}");
    assert_eq!(stats(), before, "a dry run changes nothing");

    let done = row(&["lake", "compact", TOPIC, "--force"]);
    assert_eq!(done[0], files.to_string(), "{done:?}");
    let after = stats();
    assert!(after["files"].as_u64().unwrap() < files, "{after}");
    assert!(after["version"].as_i64().unwrap() > version, "{after}");
    assert_eq!(after["rows"], before["rows"], "{after}");
    let joined = after["unneeded_files"].as_u64().unwrap() - before["unneeded_files"].as_u64().unwrap();
    assert!(joined >= 3, "what was joined waits for a vacuum: {after}");

    // Issues 18645 and 20088 of trinodb/trino: each further run rewrote the file that the first had made.
    let again = row(&["lake", "compact", TOPIC, "--force"]);
    assert_eq!(again[again.len() - 2..], ["0", "0"], "{again:?}");
    assert_eq!(stats(), after, "there is nothing left to join");

    headwater(&["lake", "checkpoint", TOPIC]).unwrap();
    let behind = stats();
    assert_eq!((&behind["commits_since"], &behind["checkpoint"]), (&value!(0), &behind["version"]));
    for arguments in [&["lake", "vacuum", TOPIC, "--dry-run"][..], &["lake", "vacuum", TOPIC]] {
        let figures = row(arguments);
        assert_eq!(figures.last().unwrap(), "0", "nothing is old enough: {figures:?}");
        assert_eq!(stats(), behind);
    }

    let history = lines(&["lake", "history", TOPIC, "--limit", "1000", "--json"]);
    let newest = &history[0];
    assert_eq!((&newest["version"], &newest["operation"]), (&after["version"], &value!("OPTIMIZE")));
    assert_eq!(newest["added_rows"], newest["removed_rows"], "{newest}");
    let versions: Vec<_> = history.iter().map(|entry| entry["version"].as_i64().unwrap()).collect();
    assert!(versions.is_sorted_by(|newer, older| newer > older), "{versions:?}");
    assert!(history.iter().any(|entry| entry["mode"] == "Append" && entry["added_rows"] != 0));
    let text = headwater(&["lake", "history", TOPIC]).unwrap();
    assert!(text.contains("compact") && text.contains("append") && text.contains("headwater/"), "{text}");
    assert_eq!(stored(), rows, "every record is still stored once");
}

/// Runs the command on a copy of this stack's file that `change` has edited. Returns the error.
fn refused(folder: &Path, change: impl FnOnce(&mut Value), arguments: &[&str]) -> String {
    let data = std::env::var("HEADWATER_DATA_DIR").unwrap();
    let stack = std::fs::read(Path::new(&data).join("stack.json")).unwrap();
    let mut stack: Value = serde_json::from_slice(&stack).unwrap();
    change(&mut stack);
    std::fs::write(folder.join("stack.json"), stack.to_string()).unwrap();
    let all = [&["--data-dir", folder.to_str().unwrap(), "lake"], arguments].concat();
    headwater(&all).unwrap_err()
}

/// Covers an unknown table, a missing argument, a table without records, upkeep that is switched off, a stack without
/// lake-keeper, and a stack that is not running.
#[tokio::test]
async fn wrong_use_is_refused_with_the_fix() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pipelines = folder.join("pipelines");
    std::fs::create_dir(&pipelines).unwrap();
    let transfers = include_str!("../../../pipelines/transfers-v1.yaml");
    let off = transfers.replace("upkeep: { ", "upkeep: { enabled: false, ");
    assert_ne!(off, transfers);
    std::fs::write(pipelines.join("transfers-v1.yaml"), off).unwrap();
    let idle = transfers.replace("bank.balances", "bank.idle_balances").replace("transfers", "idle");
    std::fs::write(pipelines.join("idle-v1.yaml"), idle).unwrap();
    let with_pipelines = |stack: &mut Value| stack["pipelines"] = value!(pipelines);

    let unknown = refused(folder, |_| {}, &["stats", "elsewhere"]);
    assert!(
        unknown.contains("elsewhere") && unknown.contains("name one of") && unknown.contains(TOPIC),
        "{unknown}"
    );
    let which = refused(folder, |_| {}, &["history"]);
    assert!(which.contains("which table") && which.contains(TOPIC), "{which}");
    for arguments in [&["stats", "idle-v1"][..], &["history", "idle-v1"], &["compact", "idle-v1"]] {
        let absent = refused(folder, with_pipelines, arguments);
        assert!(absent.contains("idle-v1 has had no record yet"), "{absent}");
    }
    let off = refused(folder, with_pipelines, &["compact", TOPIC]);
    assert!(off.contains("switched off") && off.contains("lake.upkeep.enabled"), "{off}");
    let without = |stack: &mut Value| {
        drop(stack["outputs"]["functions"].as_object_mut().unwrap().remove("lake-keeper"));
    };
    let not_deployed = refused(folder, without, &["vacuum"]);
    assert!(not_deployed.contains("lake-keeper is not deployed"), "{not_deployed}");
    // No process listens on port 9.
    let nowhere = |stack: &mut Value| stack["endpoint"] = value!("http://127.0.0.1:9");
    let stopped = refused(folder, nowhere, &["stats"]);
    assert!(stopped.contains("not running") && stopped.contains("headwater up"), "{stopped}");
}
