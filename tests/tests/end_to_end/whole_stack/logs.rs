//! `headwater logs`: shows the functions' log events as lines for people, or as JSON.

use aws_sdk_lambda::primitives::Blob;
use end_to_end::stack::headwater;
use serde_json::Value;

use super::{TURN, until};

/// Number of records that the test produces.
const RECORDS: u64 = 777;

/// The lines about `rooms-v1` in the log of parquet-writer.
fn shown() -> Vec<String> {
    let log = headwater(&["logs", "parquet-writer"]).unwrap();
    log.lines().filter(|line| line.contains("rooms-v1/")).map(str::to_owned).collect()
}

/// The log events about `rooms-v1` as JSON. Each invocation logs one.
fn events() -> Vec<Value> {
    let log = headwater(&["logs", "parquet-writer", "--json"]).unwrap();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["partitions"].to_string().contains("rooms-v1-")).collect()
}

/// The number before this word in a line, or 0 if the line does not contain the word.
fn number(line: &str, word: &str) -> u64 {
    let parts = line.split_whitespace().collect::<Vec<_>>();
    let at = parts.iter().position(|part| *part == word);
    at.map_or(0, |at| parts[at - 1].parse().unwrap())
}

/// Compares the lines for people with the JSON events of the same invocations.
#[tokio::test]
async fn the_line_of_a_stored_batch_has_its_counts_its_time_and_its_function() {
    let _turn = TURN.lock().await;
    let before = (shown().len(), events().len());
    headwater(&["rooms", "--count", &RECORDS.to_string()]).unwrap();
    headwater(&["drain"]).unwrap();
    // Log lines reach CloudWatch asynchronously, so they may arrive after the invocation.
    let stored = |line: &String| number(line, "stored");
    until("the lines of all records", || shown()[before.0..].iter().map(stored).sum::<u64>() == RECORDS);
    let (lines, events) = (shown().split_off(before.0), events().split_off(before.1));
    assert_eq!(lines.len(), events.len(), "{lines:?}");
    for (line, event) in lines.iter().zip(&events) {
        assert_eq!(Some(number(line, "stored")), event["RecordsStored"].as_u64(), "{line} is {event}");
        assert!(line.contains(" parquet-writer ") && line.contains(" ms"), "{line}");
        assert!(!line.contains('{') && !line.contains('\x1b'), "{line}");
    }
}

/// Causes a fault: the function gets an event that is not from Kafka.
#[tokio::test]
async fn a_fault_is_listed_with_its_function_and_its_request() {
    let _turn = TURN.lock().await;
    let faults = || headwater(&["logs", "--faults"]).unwrap();
    let earlier = faults().lines().count();
    // The endpoint of the function runner, which writes logs to CloudWatch.
    let address = std::env::var("HEADWATER_GATEWAY_URL").unwrap();
    let runner = address.split("/url/").next().unwrap();
    let sdk = settings::sdk_config().await;
    let config = aws_sdk_lambda::config::Builder::from(&sdk).endpoint_url(runner).build();
    let call = aws_sdk_lambda::Client::from_conf(config).invoke().function_name("parquet-writer");
    let answer = call.payload(Blob::new("{}")).send().await.unwrap();
    assert!(answer.function_error().is_some(), "{answer:?}");
    until("the fault", || faults().lines().count() > earlier);
    let faults = faults();
    let line = faults.lines().find(|line| line.contains("not an event of a Kafka event source")).unwrap();
    assert!(line.contains(" parquet-writer ") && line.contains("FAULT configuration: "), "{line}");
    assert!(line.contains("(request "), "{line}");
}
