//! Runs one function as Lambda does and sends it events, for `tests/readers`. Each run is a cold start, because this is
//! a separate program.
//!
//!     deliver FUNCTION LAKE_ROOT TOPIC < invocations
//!
//! Each line of the input is one invocation: a complete event, or `{"records": [[partition, offset, value], …]}` for an
//! event with these records of the topic. With `"redrive": true`, the event is a redrive of parked records. Each line
//! of the output is one answer: `{"answer": …}`, or `{"error": […]}` with the error's type and message.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it is a command for a test"
)]

use std::io::BufRead;

use end_to_end::{Function, Invoked, Parts, room};
use kafka_batch::{Redrive, event::MskEvent};
use serde_json::{Value, json};

/// The event of one line.
fn event(topic: &str, line: &str) -> Vec<u8> {
    let asked: Value = serde_json::from_str(line).expect("a line is JSON");
    let Some(records) = asked["records"].as_array() else { return line.as_bytes().to_vec() };
    let mut event = MskEvent::new("arn:aws:kafka:local:000000000000:cluster/test/0", "127.0.0.1:9092");
    if asked["redrive"] == true {
        event = event.of_redrive(Redrive { incarnation: 0, include_uncertain: false });
    }
    for record in records {
        let number = |at: usize| record[at].as_i64().expect("a record is [partition, offset, value]");
        let partition = i32::try_from(number(0)).unwrap();
        // `room` is used for its timestamp only, which follows the offset.
        let record = room(partition, number(1), "", 1).with(record[2].as_str().map(str::as_bytes));
        event.push(topic, partition, record.offset, record.timestamp_ms, None, record.value.as_deref(), &[]);
    }
    event.to_json()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, root, topic] = arguments.as_slice() else { panic!("deliver FUNCTION LAKE_ROOT TOPIC") };
    let mut parts = Parts::of_environment();
    parts.lake_root = root.parse().expect("LAKE_ROOT is s3://bucket/prefix");
    parts.topic.clone_from(topic);
    let mut function = Function::start(name, &parts, &[parts.rooms_pipeline()]).await;
    for line in std::io::stdin().lock().lines() {
        let answer = match function.invoke(&event(topic, &line.unwrap())).await {
            Invoked::Answer(answer) => json!({ "answer": answer }),
            Invoked::Error(class, message) => json!({ "error": [class, message] }),
            Invoked::Died => panic!("{name} died"),
        };
        println!("{answer}");
    }
}
