//! A fleet reports over HTTP: every event that was acknowledged is a row, whatever is killed meanwhile.
//!
//! These tests disturb the stack that they run on, so they take turns.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use end_to_end::stack::{command, headwater, json, kill, kill_function, up};
use serde_json::Value;

static TURN: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// A fleet that drives in the background.
fn drive(vehicles: u32, time: &str) -> Child {
    command()
        .args(["fleet", "--num-vehicles", &vehicles.to_string(), "--for", time, "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The fleet's own count, once it is home.
fn home(fleet: Child) -> Value {
    let output = fleet.wait_with_output().unwrap();
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{summary}");
    serde_json::from_str(&summary).unwrap()
}

/// `verify`'s word on the newest drive, once everything arrived.
fn verdict() -> Value {
    headwater(&["drain", "--timeout", "120s"]).unwrap();
    let verdict = json(&["verify", "--json"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
    verdict["fleets"].as_array().unwrap().last().unwrap().clone()
}

/// How many events the lane has stored, by the ledger; waits until there are more than `before`.
fn stored_beyond(before: u64) -> u64 {
    let started = Instant::now();
    loop {
        let stored = json(&["status", "--json"])["mappings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|mapping| mapping["function"] == "table-writer" && mapping["topic"] == "telemetry-v1")
            .map(|mapping| {
                (mapping["end"].as_u64().unwrap_or(0), mapping["lag"].as_u64().unwrap_or(u64::MAX))
            });
        if let Some((end, lag)) = stored
            && end > before
            && end.saturating_sub(lag) > before
        {
            return end;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "nothing more arrives: {stored:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_acknowledged_event_of_a_thousand_vehicles_is_a_row() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let summary = home(drive(1_000, "20s"));
    let verdict = verdict();
    assert_eq!(summary["given_up"], 0);
    assert_eq!(summary["made"], summary["acknowledged"]);
    assert!(summary["acknowledged"].as_u64().unwrap() >= 1_000, "{summary}");
    assert_eq!(verdict["acknowledged"], summary["acknowledged"]);
    assert_eq!(verdict["stored"], summary["acknowledged"]);
}

#[test]
fn killing_broker_writer_and_database_while_a_fleet_drives_loses_and_doubles_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let fleet = drive(1_000, "60s");
    let arrived = stored_beyond(0);
    kill("kafka");
    up();
    let arrived = stored_beyond(arrived);
    assert!(kill_function("table-writer") > 0, "a writer runs");
    let arrived = stored_beyond(arrived);
    kill("postgres");
    up();
    let _arrived = stored_beyond(arrived);
    let summary = home(fleet);
    let verdict = verdict();
    assert_eq!(summary["given_up"], 0, "{summary}");
    assert!(summary["retried"].as_u64().unwrap() > 0, "the broker's death was felt: {summary}");
    assert_eq!(verdict["stored"], summary["acknowledged"]);
}
