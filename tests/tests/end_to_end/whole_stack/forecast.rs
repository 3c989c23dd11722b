//! The forecast lane on the whole stack: state machine, forecast-fetcher, a real Spark job and the Delta table. A stub
//! stands in for the forecast API.

use std::path::Path;
use std::process::Stdio;

use aws_sdk_sfn::types::HistoryEventType;
use end_to_end::stack::{command, headwater, json, kill, up};
use serde_json::Value;

use super::{TURN, until};

/// Runs the lane for these cities. Returns whether it succeeded, its standard output as JSON, and its standard error.
fn run(cities: &[&str]) -> (bool, Value, String) {
    let mut run = command();
    run.args(["forecast", "run", "--json"]);
    for city in cities {
        run.args(["--city", city]);
    }
    let output = run.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
}

/// Runs the lane for these cities. Panics unless all of them are stored. Returns the output.
fn good(cities: &[&str]) -> Value {
    let (success, output, said) = run(cities);
    assert!(success, "{said}");
    assert_eq!(output["stored"].as_array().unwrap().len(), cities.len(), "{output}");
    output
}

/// Sets the faults of the stub: `CITY=FAULT`. None resets them.
fn faults(faults: &[&str]) {
    headwater(&[&["stub", "faults"], faults].concat()).unwrap();
}

/// The lane in the output of `headwater verify`: number of objects, rows in them, and rows in the table. Panics unless
/// the verdict holds.
fn verdict() -> (u64, u64, u64) {
    let verdict = json(&["verify", "--json"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
    let lanes = verdict["objects"].as_array().unwrap();
    let lane = lanes.iter().find(|lane| lane["function"] == "forecast_72").unwrap();
    let number = |name: &str| lane[name].as_u64().unwrap();
    (number("objects"), number("rows"), number("stored"))
}

/// Returns the names of the states that the newest execution entered, in their order.
async fn states() -> Vec<String> {
    let client = aws_sdk_sfn::Client::new(&settings::sdk_config().await);
    let machines = client.list_state_machines().send().await.unwrap().state_machines;
    let machine = machines.into_iter().find(|machine| machine.name.ends_with("forecast")).unwrap();
    let runs = client.list_executions().state_machine_arn(machine.state_machine_arn).send().await.unwrap();
    let newest = &runs.executions[0].execution_arn;
    let history = client.get_execution_history().execution_arn(newest).send().await.unwrap();
    assert!(history.events.iter().any(|event| event.r#type == HistoryEventType::TaskStateEntered));
    let entered = history.events.into_iter().filter_map(|event| event.state_entered_event_details);
    entered.map(|details| details.name).collect()
}

/// Each city has 72 rows, one per hour.
#[test]
fn the_rows_of_1_of_3_and_of_30_cities_are_stored_once_and_a_second_run_repeats_none() {
    let _turn = TURN.blocking_lock();
    faults(&[]);
    let before = verdict();
    let output = good(&["3477"]);
    assert_eq!(output["spark"]["Result"]["rows"], 72, "{output}");
    let three = good(&["3477", "5959", "6879"]);
    assert_eq!(
        three["spark"]["Result"]["rows"],
        3 * 72,
        "what was stored before is not stored again: {three}"
    );
    let cities: Vec<String> = (100..130).map(|city| city.to_string()).collect();
    let cities: Vec<&str> = cities.iter().map(String::as_str).collect();
    let thirty = good(&cities);
    assert_eq!(thirty["spark"]["Result"]["objects"], 30, "{thirty}");
    let (objects, rows, stored) = verdict();
    assert_eq!((objects, rows, stored), (before.0 + 34, before.1 + 34 * 72, before.2 + 34 * 72));
}

#[tokio::test]
async fn a_run_in_which_every_city_fails_is_an_error_and_does_not_start_spark() {
    let _turn = TURN.lock().await;
    faults(&["*=500"]);
    let (success, _, said) = run(&["3477", "5959"]);
    faults(&[]);
    assert!(!success && said.contains("NothingStored") && said.contains("3477"), "{said}");
    let states = states().await;
    assert!(
        states.iter().any(|state| state == "Fetch") && !states.iter().any(|state| state == "Spark"),
        "{states:?}"
    );
}

/// The command exits with an error that names the failed city, although the others are stored.
#[test]
fn of_three_cities_one_fails_and_two_are_stored() {
    let _turn = TURN.blocking_lock();
    let before = verdict();
    faults(&["5959=empty"]);
    let (success, output, said) = run(&["3477", "5959", "6879"]);
    faults(&[]);
    assert!(!success && said.contains("5959"), "{said}");
    assert_eq!(output["failed"][0]["item"], "5959", "{output}");
    assert_eq!(output["spark"]["Result"]["rows"], 2 * 72, "{output}");
    assert_eq!(verdict().2, before.2 + 2 * 72);
}

/// A run ends with `AlreadyRunning` if another one is active. If the first run has ended before the second starts, both
/// succeed.
#[test]
fn two_runs_at_once_do_not_overlap_and_each_answer_is_stored_once() {
    let _turn = TURN.blocking_lock();
    let before = verdict();
    let start = || {
        let mut run = command();
        run.args(["forecast", "run", "--city", "3477"]).stdin(Stdio::null());
        run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = [start(), start()].map(|run| run.wait_with_output().unwrap());
    let succeeded = runs.iter().filter(|run| run.status.success()).count();
    let said: Vec<String> =
        runs.iter().map(|run| String::from_utf8_lossy(&run.stderr).into_owned()).collect();
    assert!(succeeded >= 1, "{said:?}");
    let refused = said.iter().filter(|said| said.contains("AlreadyRunning")).count();
    assert_eq!(succeeded + refused, 2, "{said:?}");
    let (objects, _, stored) = verdict();
    let new = objects - before.0;
    assert_eq!(stored, before.2 + new * 72);
}

/// The bridge runs the Spark job of the local stack. After its restart, the same execution must finish.
#[test]
fn a_worker_that_is_killed_while_spark_runs_doubles_and_loses_nothing() {
    let _turn = TURN.blocking_lock();
    let before = verdict();
    let mut run = command();
    let run = run.args(["forecast", "run", "--city", "3477"]).stdin(Stdio::null());
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("Spark works", works);
    kill("bridge");
    up();
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(verdict().2, before.2 + 72);
}

/// Whether the worker is running a Spark job.
fn works() -> bool {
    let data = std::env::var("HEADWATER_DATA_DIR").unwrap();
    Path::new(&data).join("run/spark-task.json").exists()
}
