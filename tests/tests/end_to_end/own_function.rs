//! `headwater bridge --topic … --function-zip …`: runs a function of another project on records of the real broker.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use end_to_end::stack::command;
use end_to_end::{Topic, until};
use function_runner::Code;
use kafka::{ClusterSettings, KafkaProducer, OutgoingRecord};
use rustix::process::{Pid, Signal, kill_process};
use settings::Environment;

/// Timeout of [`send`].
const PATIENCE: Duration = Duration::from_mins(1);

/// A function that appends a line to the file `seen` for each invocation: the offsets of its records as a JSON array.
/// While the file `broken` exists, each invocation creates the file `failed` and then fails.
const BOOTSTRAP: &str = concat!(
    include_str!("../../../crates/function-runner/tests/support/runtime.py"),
    r#"
FOLDER = os.environ["FOLDER"]
while True:
    request_id, _, event = next_event()
    if os.path.exists(FOLDER + "/broken"):
        open(FOLDER + "/failed", "w").close()
        print("broken", flush=True)
        error = json.dumps({"errorType": "Broken", "errorMessage": "the file is there"})
        call("POST", f"invocation/{request_id}/error", error)
        continue
    records = [record for batch in event["records"].values() for record in batch]
    with open(FOLDER + "/seen", "a") as seen:
        seen.write(json.dumps([record["offset"] for record in records]) + "\n")
    call("POST", f"invocation/{request_id}/response", "{}")
"#
);

/// Produces `records` records with the value `value`.
async fn send(topic: &Topic, records: usize) {
    let plaintext = [("KAFKA_AUTH".to_owned(), "plaintext".to_owned())];
    let environment: Environment = std::env::vars().chain(plaintext).collect();
    let settings = environment.settings::<ClusterSettings>().unwrap();
    let producer = KafkaProducer::new(settings, settings::sdk_config().await);
    let outgoing = (0..records).map(|n| OutgoingRecord::new(n.to_string(), "value"));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let acknowledged = producer.send_all(&topic.name, outgoing, deadline).await.unwrap();
    assert_eq!(acknowledged.records, records);
}

/// The offsets of each successful invocation, from the file `seen`.
fn seen(folder: &Path) -> Vec<Vec<i64>> {
    let text = std::fs::read_to_string(folder.join("seen")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the successful invocations had so many offsets in total.
async fn all_seen(offsets: usize, folder: &Path) {
    until("the function has seen all records", async || seen(folder).concat().len() >= offsets).await;
}

/// Starts the bridge with the function in `noted.zip`.
fn bridge(topic: &Topic, folder: &Path) -> Child {
    let mut command = command();
    command.args(["bridge", "--topic", &topic.name, "--bootstrap-servers", &topic.servers]);
    command.arg("--function-zip").arg(folder.join("noted.zip"));
    command.args(["--batch-size", "4", "--window", "1", "--env"]).arg(format!("FOLDER={}", folder.display()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Stops the bridge with SIGINT, as Ctrl-C does. Returns its standard output and standard error.
fn end(bridge: Child) -> (String, String) {
    kill_process(Pid::from_raw(i32::try_from(bridge.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let output = bridge.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{log}");
    (said, log)
}

/// The function is a Python script in a zip, with no code of this project.
#[tokio::test]
async fn a_foreign_function_gets_each_record_once_and_a_new_bridge_resumes_at_the_committed_offset() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("noted.zip"), Code::pack(BOOTSTRAP.as_bytes()).unwrap()).unwrap();
    let topic = Topic::make(&format!("own-{}", uuid::Uuid::new_v4()), 1).await;
    send(&topic, 10).await;

    let first = bridge(&topic, folder);
    all_seen(10, folder).await;
    let (said, log) = end(first);
    assert!(said.contains("10 records handled") && said.contains("0 records given up"), "{said}");
    assert!(log.contains("REPORT RequestId"), "{log}");
    let batches = seen(folder);
    assert_eq!(batches.concat(), (0..10).collect::<Vec<_>>(), "{batches:?}");
    assert!(batches.iter().all(|batch| batch.len() <= 4), "{batches:?}");

    // The function fails at first, so the bridge must deliver its batch again.
    std::fs::write(folder.join("broken"), "").unwrap();
    send(&topic, 2).await;
    let second = bridge(&topic, folder);
    send(&topic, 1).await;
    until("the function was invoked and failed", async || folder.join("failed").exists()).await;
    assert_eq!(seen(folder).concat().len(), 10, "nothing is handled while it fails");
    std::fs::remove_file(folder.join("broken")).unwrap();
    all_seen(13, folder).await;
    let (_, log) = end(second);
    assert_eq!(seen(folder).concat(), (0..13).collect::<Vec<_>>());
    assert!(log.contains("broken"), "{log}");
}
