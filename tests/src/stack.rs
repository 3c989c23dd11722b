//! The stack that the tests run on, through the `headwater` command.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The `headwater` command of this test run, without arguments.
#[must_use]
pub fn command() -> Command {
    Command::new(std::env::var("HEADWATER_BIN").expect("HEADWATER_BIN is not set: run scripts/test"))
}

/// Runs the command. Returns its standard output, or as an error both of its outputs if it fails.
pub fn headwater(arguments: &[&str]) -> Result<String, String> {
    let output = command().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("headwater {}: {}{}", arguments.join(" "), text(&output.stdout), text(&output.stderr)))
    }
}

/// Runs the command and parses its output as JSON. Panics if it fails.
#[must_use]
pub fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&headwater(arguments).unwrap()).unwrap()
}

/// Runs `headwater up` with the settings of this test run, so that it finds the same stack.
pub fn up() {
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    headwater(&["up", "--no-build", "--pipelines", pipelines.to_str().unwrap()]).unwrap();
}

/// Kills a part of the stack with SIGKILL, as in a crash.
pub fn kill(part: &str) {
    let pid = json(&["status", "--json"])["parts"][part]["pid"].as_u64().unwrap();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// Kills all processes of a function with SIGKILL. Returns how many were killed.
#[must_use]
pub fn kill_function(name: &str) -> usize {
    let endpoint = format!("AWS_ENDPOINT_URL={}", std::env::var("AWS_ENDPOINT_URL").unwrap());
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={name}");
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        // The process may have ended, or belong to another user.
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        let has = |wanted: &str| environment.split(|byte| *byte == 0).any(|line| line == wanted.as_bytes());
        if has(&name) && has(&endpoint) {
            let pid = entry.file_name().into_string().unwrap();
            killed += usize::from(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        }
    }
    killed
}
