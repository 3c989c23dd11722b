//! `headwater bridge --topic … --function-zip …`: a function that is not of this project, fed from the real broker.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use end_to_end::Topic;
use end_to_end::stack::command;
use function_kit::Environment;
use kafka_client::ClusterSettings;
use kafka_producer::{KafkaProducer, OutgoingRecord};
use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for what it expects.
const PATIENCE: Duration = Duration::from_mins(1);

/// Notes each invocation as a line: the number of its records and their offsets. Fails while the file `broken` is there.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import http.client, json, os
def call(method, path, body=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, "/2018-06-01/runtime/invocation/" + path, body)
    answer = connection.getresponse()
    return answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()
while True:
    request_id, event = call("GET", "next")
    if os.path.exists(os.environ["FOLDER"] + "/broken"):
        open(os.environ["FOLDER"] + "/failed", "w").close()
        print("broken", flush=True)
        call("POST", request_id + "/error", json.dumps({"errorType": "Broken", "errorMessage": "the file is there"}))
        continue
    records = [record for batch in json.loads(event)["records"].values() for record in batch]
    with open(os.environ["FOLDER"] + "/seen", "a") as seen:
        seen.write(json.dumps([record["offset"] for record in records]) + "\n")
    call("POST", request_id + "/response", "{}")
"#;

fn zip(path: &Path) {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", options).unwrap();
    archive.write_all(BOOTSTRAP.as_bytes()).unwrap();
    std::fs::write(path, archive.finish().unwrap().into_inner()).unwrap();
}

async fn send(topic: &Topic, records: usize) {
    let plaintext = [("KAFKA_AUTH".to_owned(), "plaintext".to_owned())];
    let environment: Environment = std::env::vars().chain(plaintext).collect();
    let settings = environment.settings::<ClusterSettings>().unwrap();
    let producer = KafkaProducer::new(settings, function_kit::aws::sdk_config().await);
    let outgoing = (0..records).map(|n| OutgoingRecord::new(n.to_string(), "value"));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let acknowledged = producer.send_all(&topic.name, outgoing, deadline).await.unwrap();
    assert_eq!(acknowledged.records, records);
}

/// The offsets of each invocation.
fn seen(folder: &Path) -> Vec<Vec<i64>> {
    let text = std::fs::read_to_string(folder.join("seen")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn wait_for(offsets: usize, folder: &Path) {
    let started = Instant::now();
    while seen(folder).concat().len() < offsets {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {:?}", seen(folder));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn bridge(topic: &Topic, folder: &Path) -> Child {
    let mut command = command();
    command.args(["bridge", "--topic", &topic.name, "--bootstrap-servers", &topic.servers]);
    command.arg("--function-zip").arg(folder.join("noted.zip"));
    command.args(["--batch-size", "4", "--window", "1", "--env"]).arg(format!("FOLDER={}", folder.display()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends it as Ctrl-C does; what it printed.
fn end(bridge: Child) -> (String, String) {
    kill_process(Pid::from_raw(i32::try_from(bridge.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let output = bridge.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{log}");
    (said, log)
}

#[tokio::test]
async fn a_zip_of_anybody_gets_each_record_once_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    zip(&folder.join("noted.zip"));
    let topic = Topic::make(&format!("own-{}", uuid::Uuid::new_v4()), 1).await;
    send(&topic, 10).await;

    let first = bridge(&topic, folder);
    wait_for(10, folder).await;
    let (said, log) = end(first);
    assert!(said.contains("10 records handled") && said.contains("0 records given up"), "{said}");
    assert!(log.contains("REPORT RequestId"), "{log}");
    let batches = seen(folder);
    assert_eq!(batches.concat(), (0..10).collect::<Vec<_>>(), "{batches:?}");
    assert!(batches.iter().all(|batch| batch.len() <= 4), "{batches:?}");

    // A failing function gets its batch again.
    std::fs::write(folder.join("broken"), "").unwrap();
    send(&topic, 2).await;
    let second = bridge(&topic, folder);
    send(&topic, 1).await;
    let started = Instant::now();
    while !folder.join("failed").exists() {
        assert!(started.elapsed() < PATIENCE, "the function was not invoked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(seen(folder).concat().len(), 10, "nothing is handled while it fails");
    std::fs::remove_file(folder.join("broken")).unwrap();
    wait_for(13, folder).await;
    let (_, log) = end(second);
    assert_eq!(seen(folder).concat(), (0..13).collect::<Vec<_>>());
    assert!(log.contains("broken"), "{log}");
}
