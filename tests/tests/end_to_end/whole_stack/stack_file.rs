//! Commands on a stack that `headwater up` did not start, as for a deployment in AWS: with a stack file from
//! `terraform output -json`, an empty data folder, and AWS settings from the environment.

use std::path::{Path, PathBuf};

use end_to_end::stack::{command, json};
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::TURN;

/// A stack file in its own folder, which is also the home folder of the command.
struct Elsewhere {
    folder: TempDir,
    file: PathBuf,
}

impl Elsewhere {
    /// The stack of this test run, from the outputs in Terraform's state.
    fn of_this_run() -> Self {
        let data = json(&["status", "--json"])["data_dir"].as_str().unwrap().to_owned();
        let state = std::fs::read(Path::new(&data).join("terraform/terraform.tfstate")).unwrap();
        Self::with(&serde_json::from_slice::<Value>(&state).unwrap()["outputs"])
    }

    /// A stack file with these Terraform outputs.
    fn with(outputs: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.json");
        std::fs::write(&file, outputs.to_string()).unwrap();
        Self { folder, file }
    }

    /// The Terraform outputs in the stack file, for tests that change them.
    fn outputs(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.file).unwrap()).unwrap()
    }

    /// Runs a command on the stack file. Returns its standard output, or both of its outputs if it fails.
    fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = command();
        command.arg("--stack").arg(&self.file).args(arguments);
        // The working folder is not in a checkout, as on the operators' host.
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env_remove("HEADWATER_DATA_DIR");
        let output = command.output().unwrap();
        let (said, noted) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.success() { Ok(said) } else { Err(format!("{said}{noted}")) }
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).unwrap()
    }
}

/// The environment of the test run contains AWS settings, but no data folder.
#[tokio::test]
async fn every_command_for_deployments_works_on_a_stack_file() {
    let _turn = TURN.lock().await;
    let there = Elsewhere::of_this_run();
    there.run(&["rooms", "--count", "500"]);
    there.run(&["media", "--files", "2", "--rows", "5"]);
    there.run(&["inbox", "--users", "3", "--cards", "3"]);
    there.run(&["fleet", "--num-vehicles", "3", "--for", "2s"]);
    there.run(&["drain"]);
    assert!(there.run(&["ingest", "--lane", "inbox-etl"]).contains("objects looked at"));

    let status = there.json(&["status", "--json"]);
    for part in ["kafka", "postgres"] {
        assert_eq!(status["parts"][part]["healthy"], true, "{status}");
    }
    let mappings = status["mappings"].as_array().unwrap();
    assert!(!mappings.is_empty() && mappings.iter().all(|mapping| mapping["lag"] == 0), "{status}");
    assert!(status["queues"].as_array().is_some_and(|queues| queues.len() >= 2), "{status}");

    // The fleet wrote its receipt below the home folder, and `verify` compares it too.
    let report = there.json(&["verify", "--json"]);
    assert_eq!(report["holds"], true, "{report}");
    assert!(report["fleets"].as_array().is_some_and(|fleets| fleets.len() == 1), "{report}");

    // Invokes the deployed function, which has its own role and settings.
    assert!(there.run(&["certificates", "run", "--topic", "rooms-v1"]).contains("holds"));
    let certificates = there.json(&["certificates", "--topic", "rooms-v1", "--json"]);
    let newest = &certificates.as_array().unwrap()[0];
    assert_eq!(
        (&newest["topic"], &newest["state"]),
        (&value!("rooms-v1"), &value!("holds")),
        "{certificates}"
    );

    let positions = there.run(&["offsets", "show", "--json"]);
    assert!(positions.lines().any(|line| line.contains("rooms-v1")), "{positions}");
    there.run(&["parked", "list", "--json"]);
    assert!(there.run(&["lake", "stats"]).contains("rooms-v1"));
    assert!(there.run(&["lake", "history", "rooms-v1", "--limit", "1"]).contains("append"));
    there.run(&["lake", "compact", "rooms-v1", "--dry-run"]);
    assert!(there.run(&["logs", "parquet-writer", "--since", "10m"]).contains("parquet-writer"));
    let checked = there.json(&["invoke", "schema-migrator", "--data", r#"{"check": true}"#]);
    assert!(checked["tables"].is_array(), "{checked}");

    let variables = there.run(&["env"]);
    assert!(variables.contains("export HEADWATER_LAKE=s3://"), "{variables}");
    assert!(
        !variables.contains("AWS_SECRET_ACCESS_KEY") && !variables.contains("AWS_ENDPOINT_URL"),
        "{variables}"
    );
}

#[tokio::test]
async fn commands_for_the_local_stack_are_refused_with_the_reason() {
    let there = Elsewhere::of_this_run();
    for verb in [
        &["up"][..],
        &["down"],
        &["stub", "faults"],
        &["bridge"],
        &["verify", "--independent"],
        &["invoke", "schema-migrator", "--freeze", "1s"],
    ] {
        let said = there.try_run(verb).unwrap_err();
        assert!(said.contains("is for the local stack") && said.contains("HEADWATER_STACK"), "{said}");
    }
    let group = ["offsets", "reset", "--rewind", "--group", "coldstorage", "--topic", "rooms-v1"];
    let said = there.try_run(&group).unwrap_err();
    assert!(said.contains("no event source mapping"), "Lambda polls nothing here: {said}");
}

/// In AWS, Kafka and Postgres are in private subnets. The addresses in this test refuse connections.
#[tokio::test]
async fn if_kafka_and_postgres_are_unreachable_the_error_names_the_host_that_reaches_them() {
    let mut outputs = Elsewhere::of_this_run().outputs();
    outputs["kafka_bootstrap_servers"]["value"] = "127.0.0.1:1".into();
    outputs["database_reader"]["value"] =
        value!({"url": "postgres://reader@127.0.0.1:1/headwater", "auth": "url"});
    outputs["host"] =
        value!({"value": {"connect": "aws ssm start-session --target i-0abc", "instance_id": "i-0abc"}});
    let there = Elsewhere::with(&outputs);
    for verb in [&["offsets", "show"][..], &["drain"], &["verify"]] {
        let said = there.try_run(verb).unwrap_err();
        assert!(said.contains("private subnets") && said.contains("start-session --target i-0abc"), "{said}");
    }
    // Commands that need neither Kafka nor Postgres work, and `status` shows the parts that it can reach.
    let status = there.json(&["status", "--json"]);
    assert_eq!(
        (&status["parts"]["kafka"]["healthy"], &status["mappings"][0]["lag"]),
        (&value!(false), &Value::Null)
    );
    assert!(status["queues"].as_array().is_some_and(|queues| !queues.is_empty()), "{status}");
    there.run(&["parked", "list"]);

    outputs["host"]["value"] = Value::Null;
    let said = Elsewhere::with(&outputs).try_run(&["drain"]).unwrap_err();
    assert!(said.contains("host = { enabled = true }"), "{said}");
}

/// Earlier versions of the modules had fewer outputs.
#[tokio::test]
async fn an_old_stack_file_is_refused_with_the_command_that_renews_it() {
    let mut outputs = Elsewhere::of_this_run().outputs();
    for name in ["pipelines", "kafka_auth", "database_reader"] {
        outputs.as_object_mut().unwrap().remove(name);
    }
    let said = Elsewhere::with(&outputs).try_run(&["offsets", "show"]).unwrap_err();
    assert!(said.contains("terraform output -json"), "{said}");
}

#[tokio::test]
async fn without_aws_credentials_the_error_says_so() {
    let there = Elsewhere::of_this_run();
    let mut command = command();
    command.arg("--stack").arg(&there.file).args(["parked", "list"]).current_dir(there.folder.path());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    // The SDK must find neither a profile nor the metadata service of an EC2 instance.
    command.env("HOME", there.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.to_lowercase().contains("credentials"), "{said}");
}
