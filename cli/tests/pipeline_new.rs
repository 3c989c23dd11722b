//! Runs the command `headwater pipeline new` on a sample.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Three records: an object with a null, an object without that field, and a line that is not JSON.
const SAMPLE: &str = r#"{"brewed_at":"2026-11-27T08:15:00Z","machine":"m-1","cups":2,"price":"4.50","notes":null}
{"brewed_at":"2026-11-27T08:16:00Z","machine":"m-2","cups":1,"price":"2.25"}
not JSON
"#;

/// Runs the command with the sample on standard input. Returns whether it succeeded, its standard output and its
/// standard error.
fn new(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["pipeline", "new"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command may end before it reads, which closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(SAMPLE.as_bytes());
    let done = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.success(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_written_file_passes_the_check_and_says_what_the_sample_showed() {
    let folder = tempfile::tempdir().unwrap();
    let (done, output, said) =
        new(folder.path(), &["coffee-v1", "--from", "-", "--output", "coffee-v1.yaml"]);
    assert!(done && output == "written: coffee-v1.yaml\n", "{output}{said}");
    for line in [
        "1 of 3 records would be parked: not JSON",
        "event time: brewed_at (the only timestamp that is never null)",
        "2 of 2 records decode",
        "check notes: json (only null in the sample",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let checked = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["pipeline", "check", "coffee-v1.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let yaml = fs::read_to_string(folder.path().join("coffee-v1.yaml")).unwrap();
    assert!(
        yaml.contains("- { name: brewed_at, type: timestamp }   # in all 2 records; the event time"),
        "{yaml}"
    );
}

#[test]
fn a_file_is_overwritten_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coffee-v1.yaml");
    fs::write(&file, "mine").unwrap();
    let arguments = ["coffee-v1", "--from", "-", "--output", "coffee-v1.yaml", "--force"];
    let (done, _, said) = new(folder.path(), &arguments[..5]);
    assert!(!done && said.contains("fix: ") && said.contains("--force"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(new(folder.path(), &arguments).0);
    assert_ne!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn with_a_dash_standard_output_is_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (done, output, _) = new(folder.path(), &["coffee-v1", "--from", "-", "--output", "-"]);
    assert!(
        done && output.starts_with("# A draft by `headwater pipeline new`") && output.contains("\nlake:\n")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_second_file_of_the_same_topic_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new(folder.path(), &["coffee-v1", "--from", "-", "--output", "one.yaml"]).0);
    let (done, _, said) = new(folder.path(), &["coffee-v1", "--from", "-", "--output", "two.yaml"]);
    assert!(!done && said.contains("one.yaml describes this topic, too"), "{said}");
    assert!(!folder.path().join("two.yaml").exists());
}

#[test]
fn wrong_arguments_are_refused_with_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, fix) in [
        (&["../coffee", "--from", "-"][..], "letters, digits"),
        (&["coffee-v1", "--from", "nowhere.jsonl", "--output", "c.yaml"], "name a file"),
        (&["coffee-v1", "--from", "-", "--output", "c.yml"], ".yaml"),
        (
            &["coffee-v1", "--from", "-", "--output", "c.yaml", "--event-time", "cups"],
            "choose one of brewed_at",
        ),
    ] {
        let (done, _, said) = new(folder.path(), arguments);
        assert!(!done && said.contains("fix: ") && said.contains(fix), "{said}");
    }
}
