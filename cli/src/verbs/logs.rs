//! `headwater logs`: what the functions wrote, from the emulator's CloudWatch Logs.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::failure,
    out,
    stack::{http, layout::Layout, record::Stack},
};

/// Arguments of `headwater logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
The logs of the other parts are files: .headwater/logs/{emulator,kafka,postgres,bridge,terraform}.log

Examples:
  headwater logs
  headwater logs parquet-writer --follow")]
pub(crate) struct Logs {
    /// One function (its folder's name); all of them without
    function: Option<String>,
    /// Go on as more is written
    #[arg(long, short)]
    follow: bool,
    /// Also the lines that Lambda writes around each invocation
    #[arg(long)]
    all: bool,
}

/// Prints the logs in the order of time.
pub(crate) async fn run(layout: &Layout, args: &Logs) -> anyhow::Result<()> {
    let stack = Stack::load(layout)?;
    let functions = &stack.outputs()?.functions;
    let wanted: Vec<(&String, &String)> = match &args.function {
        None => functions.iter().collect(),
        Some(name) => vec![functions.get_key_value(name).ok_or_else(|| {
            let known: Vec<&str> = functions.keys().map(String::as_str).collect();
            failure(format!("no function is called {name}"), format!("choose one of {}", known.join(", ")))
        })?],
    };
    let mut seen: BTreeMap<&String, i64> = BTreeMap::new();
    loop {
        let mut lines = Vec::new();
        for (folder, name) in &wanted {
            let from = seen.get(folder).copied().unwrap_or(0);
            for event in events(&stack, name, from)? {
                let time = event["timestamp"].as_i64().unwrap_or(0);
                seen.entry(folder).and_modify(|last| *last = (*last).max(time + 1)).or_insert(time + 1);
                let text = event["message"].as_str().unwrap_or_default().trim_end().to_owned();
                if args.all || !of_the_platform(&text) {
                    lines.push((time, folder.as_str(), text));
                }
            }
        }
        lines.sort_by_key(|(time, ..)| *time);
        for (_, folder, text) in lines {
            out::line(if wanted.len() > 1 { format!("{folder:<17} {text}") } else { text });
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What Lambda itself writes, in the log of a function.
fn of_the_platform(text: &str) -> bool {
    ["START RequestId:", "END RequestId:", "REPORT RequestId:"].iter().any(|start| text.starts_with(start))
}

fn events(stack: &Stack, function: &str, from: i64) -> anyhow::Result<Vec<Value>> {
    let mut body = json!({ "logGroupName": format!("/aws/lambda/{function}"), "startTime": from });
    let mut events = Vec::new();
    loop {
        let answer = http::aws_json(&stack.endpoint, &stack.region, "Logs_20140328.FilterLogEvents", &body)
            .map_err(|error| {
            failure(format!("the emulator does not answer: {error}"), "run `headwater up`")
        })?;
        let mut page: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if page["__type"].as_str().is_some_and(|kind| kind.contains("ResourceNotFound")) {
            // Nothing was ever written.
            return Ok(events);
        }
        if answer.status != 200 {
            return Err(failure(
                format!("the emulator refused to show logs: {page}"),
                "see .headwater/logs/emulator.log",
            ));
        }
        if let Value::Array(found) = page["events"].take() {
            events.extend(found);
        }
        match page["nextToken"].take() {
            Value::String(token) => body["nextToken"] = token.into(),
            _ => return Ok(events),
        }
    }
}
