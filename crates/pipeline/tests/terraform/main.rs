//! Terraform reads a file that `headwater pipeline check` accepts in the same way. Needs only the `terraform` binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod content;
mod mutated;
mod style;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pipeline::{Pipeline, Pipelines};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Every `*.yaml` in the folder as JSON, or null if Terraform cannot read it. Base64 prevents the console from quoting
/// the answer in its own way.
const EXPRESSION: &str = r#"base64encode(jsonencode({ for f in fileset(".", "*.yaml") : f => try(jsonencode(yamldecode(file(f))), "") }))"#;

/// The number of files in a test.
const FILES: usize = 400;

/// The content that Terraform reads from each file, by the file's name.
fn terraform(folder: &Path) -> BTreeMap<String, String> {
    let mut console = Command::new("terraform")
        .arg("console")
        .current_dir(folder)
        .env("TF_DATA_DIR", folder.join(".terraform"))
        .env_remove("TF_CLI_CONFIG_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("`terraform` does not start ({error}): install Terraform 1.11 or later")
        });
    console.stdin.take().unwrap().write_all(EXPRESSION.as_bytes()).unwrap();
    let output = console.wait_with_output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let answer = answer.lines().find_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    let json = base64_simd::STANDARD.decode_to_vec(answer.unwrap()).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// Asserts that Terraform and this crate read the same pipeline from each file. All files are read with one
/// call of Terraform.
fn assert_read_alike(name: &str, files: &[String]) {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (index, yaml) in files.iter().enumerate() {
        fs::write(folder.join(format!("{index:04}.yaml")), yaml).unwrap();
    }
    let answers = terraform(&folder);
    assert_eq!(answers.len(), files.len());
    for (yaml, (file, json)) in files.iter().zip(answers) {
        let ours = Pipeline::from_yaml(yaml, &file).unwrap();
        assert!(!json.is_empty(), "Terraform cannot read {file}:\n{yaml}");
        match Pipelines::from_json(&format!("[{json}]")) {
            Ok(theirs) => assert_eq!(theirs.iter().next(), Some(&ours), "{file}:\n{yaml}"),
            Err(error) => panic!("{file}: {error}\nTerraform: {json}\n{yaml}"),
        }
    }
}

/// Random values of a strategy.
fn samples<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn a_valid_file_is_accepted_in_any_style_and_terraform_reads_the_same() {
    let files = samples(style::files(content::pipelines()), FILES);
    for yaml in &files {
        Pipeline::from_yaml(yaml, "a valid file").unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    }
    assert_read_alike("terraform-valid", &files);
}

#[test]
fn a_changed_file_is_rejected_or_terraform_reads_the_same() {
    let files = samples(mutated::files(), FILES * 10);
    let accepted: Vec<_> = files
        .into_iter()
        .filter(|yaml| Pipeline::from_yaml(yaml, "a file").is_ok())
        .take(FILES * 2)
        .collect();
    assert!(accepted.len() > FILES / 4, "most changes make a file invalid: {}", accepted.len());
    assert_read_alike("terraform-mutated", &accepted);
}
