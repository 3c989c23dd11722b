//! `headwater up` after an interrupted one, and commands in a shell with the settings of another stack.

use std::path::PathBuf;

use end_to_end::stack::{command, headwater, json, up};
use serde_json::Value;

use super::TURN;

/// If the answer to a creation is lost, the resource exists in the emulator, but not in Terraform's state.
#[test]
fn resources_that_are_missing_from_the_state_are_adopted_by_the_next_up() {
    let _turn = TURN.blocking_lock();
    let folder = PathBuf::from(std::env::var("HEADWATER_DATA_DIR").unwrap()).join("terraform");
    let state_file = folder.join("terraform.tfstate");
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&state_file).unwrap()).unwrap();
    let is_lost = |resource: &Value| {
        let module = resource["module"].as_str().unwrap_or_default();
        match resource["type"].as_str() {
            Some("aws_lambda_function_url") => true,
            Some("aws_iam_role" | "aws_scheduler_schedule") => module.contains("bucket_ingester"),
            _ => false,
        }
    };
    let mut state = read();
    let resources = state["resources"].as_array_mut().unwrap();
    let all = resources.len();
    resources.retain(|resource| !is_lost(resource));
    let lost = all - resources.len();
    assert!(lost >= 4, "{lost} of {all} resources");
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

/// After `eval "$(headwater env)"`, a shell keeps the addresses of that stack, also if the next stack has other
/// addresses.
#[test]
fn commands_ignore_the_addresses_of_another_stack_in_the_environment() {
    let _turn = TURN.blocking_lock();
    let verbs: [&[&str]; 4] =
        [&["parked", "list"], &["offsets", "show"], &["verify"], &["logs", "schema-migrator"]];
    for verb in verbs {
        let elsewhere = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
            ("AWS_REGION", "eu-south-9"),
            ("AWS_PROFILE", "nobody"),
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none"),
            ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9"),
        ];
        let output = command().args(verb).envs(elsewhere).output().unwrap();
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
