//! `headwater up` goes on where something broke off.

use std::path::PathBuf;

use end_to_end::stack::{headwater, json, up};
use serde_json::Value;

use super::TURN;

/// The answer to a creation was lost: the emulator has the resource, Terraform's state does not.
#[test]
fn what_was_created_but_never_heard_of_is_taken_over_by_the_next_up() {
    let _turn = TURN.blocking_lock();
    let folder = PathBuf::from(std::env::var("HEADWATER_DATA_DIR").unwrap()).join("terraform");
    let state_file = folder.join("terraform.tfstate");
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&state_file).unwrap()).unwrap();
    let kinds =
        ["aws_lambda_function_url", "aws_scheduler_schedule", "aws_lambda_permission", "aws_iam_role"];
    let is_lost = |resource: &Value| kinds.iter().any(|kind| resource["type"] == *kind);
    let mut state = read();
    let resources = state["resources"].as_array_mut().unwrap();
    let all = resources.len();
    resources.retain(|resource| !is_lost(resource));
    let lost = all - resources.len();
    assert!(lost > kinds.len(), "{lost} of {all} resources");
    std::fs::write(&state_file, state.to_string()).unwrap();
    std::fs::remove_file(folder.join("applied.json")).unwrap();
    let gateway = |environment: &str| {
        environment.lines().find(|line| line.contains("HEADWATER_GATEWAY_URL")).unwrap().to_owned()
    };
    let before = gateway(&headwater(&["env"]).unwrap());
    up();
    assert_eq!(read()["resources"].as_array().unwrap().iter().filter(|one| is_lost(one)).count(), lost);
    assert_eq!(gateway(&headwater(&["env"]).unwrap()), before, "the gateway kept its address");
    assert_eq!(json(&["verify", "--json"])["holds"], true);
}
