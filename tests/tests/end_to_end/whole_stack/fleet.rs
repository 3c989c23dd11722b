//! `headwater fleet` posts events to the gateway. Every acknowledged event becomes a row, also if parts of the stack
//! are killed in between.

use std::process::{Child, Command, Stdio};

use end_to_end::stack::{command, headwater, json, kill, kill_function, up};
use serde_json::Value;

use super::{TURN, until};

/// Starts a fleet in the background. [`home`] stops it.
fn drive(vehicles: u32) -> Child {
    command()
        .args(["fleet", "--num-vehicles", &vehicles.to_string(), "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Stops the fleet with SIGINT. Returns the summary that it prints, with its counts of events.
fn home(fleet: Child) -> Value {
    assert!(Command::new("kill").args(["-INT", &fleet.id().to_string()]).status().unwrap().success());
    let output = fleet.wait_with_output().unwrap();
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{summary}");
    serde_json::from_str(&summary).unwrap()
}

/// Waits until every lane has caught up. Returns the verdict of `headwater verify` on the newest fleet.
fn verdict() -> Value {
    headwater(&["drain", "--timeout", "120s"]).unwrap();
    let verdict = json(&["verify", "--json"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
    verdict["fleets"].as_array().unwrap().last().unwrap().clone()
}

/// How many offsets of `telemetry-v1` table-writer has passed. `None` while a part of the stack is down, because the
/// end offset or the lag is unknown then.
fn stored() -> Option<u64> {
    let status = json(&["status", "--json"]);
    let mapping = status["mappings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|mapping| mapping["function"] == "table-writer" && mapping["topic"] == "telemetry-v1")?;
    mapping["end"].as_u64()?.checked_sub(mapping["lag"].as_u64()?)
}

/// Waits until [`stored`] is more than `count`. Returns it.
fn stored_beyond(count: u64) -> u64 {
    let mut seen = None;
    until("more events arrive", || {
        seen = stored().filter(|stored| *stored > count);
        seen.is_some()
    });
    seen.unwrap()
}

#[test]
fn every_acknowledged_event_of_a_thousand_vehicles_is_a_row() {
    let _turn = TURN.blocking_lock();
    let before = stored().unwrap();
    let fleet = drive(1_000);
    // Three events per vehicle on average.
    stored_beyond(before + 3_000);
    let summary = home(fleet);
    let verdict = verdict();
    assert_eq!(summary["given_up"], 0);
    assert_eq!(summary["made"], summary["acknowledged"]);
    assert!(summary["acknowledged"].as_u64().unwrap() >= 1_000, "{summary}");
    assert_eq!(verdict["acknowledged"], summary["acknowledged"]);
    assert_eq!(verdict["stored"], summary["acknowledged"]);
}

/// The fleet sends an event again until the gateway acknowledges it. The table removes repetitions by its key.
#[test]
fn killing_broker_writer_and_database_while_a_fleet_drives_loses_and_doubles_nothing() {
    let _turn = TURN.blocking_lock();
    let before = stored().unwrap();
    let fleet = drive(1_000);
    let arrived = stored_beyond(before);
    kill("kafka");
    up();
    let arrived = stored_beyond(arrived);
    until("a writer runs, and is killed", || kill_function("table-writer") > 0);
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
