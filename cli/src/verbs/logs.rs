//! `headwater logs`: what the functions wrote, from CloudWatch Logs.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudwatchlogs::{
    Client, error::DisplayErrorContext, operation::filter_log_events::FilterLogEventsError,
};
use chrono::Utc;
use clap::Args;

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    stack::{layout::Layout, opened::Stack},
};

/// Between two looks with `--follow`. CloudWatch takes some five of these questions a second.
const LOOK: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// Arguments of `headwater logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
The logs of the local stack's other parts are files: .headwater/logs/{emulator,kafka,postgres,bridge,terraform}.log

Examples:
  headwater logs
  headwater logs parquet-writer --follow
  headwater --stack stack.json logs --since 15m")]
pub(crate) struct Logs {
    /// One function (its folder's name); all of them without
    function: Option<String>,
    /// Go on as more is written
    #[arg(long, short)]
    follow: bool,
    /// Only what was written this long ago or later [default: all; in an account the last hour]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// Also the lines that Lambda writes around each invocation
    #[arg(long)]
    all: bool,
}

/// Prints the logs in the order of time.
pub(crate) async fn run(layout: &Layout, args: &Logs) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let functions = &stack.outputs().functions;
    let wanted: Vec<(&String, &String)> = match &args.function {
        None => functions.iter().collect(),
        Some(name) => vec![functions.get_key_value(name).ok_or_else(|| {
            let known: Vec<&str> = functions.keys().map(String::as_str).collect();
            failure(format!("no function is called {name}"), format!("choose one of {}", known.join(", ")))
        })?],
    };
    let local = stack.local().is_some();
    let since = args.since.or((!local).then_some(Duration::from_hours(1)));
    let begin = since.map_or(0, |since| Utc::now().timestamp_millis() - milliseconds(since));
    let client = Client::new(stack.sdk());
    let mut seen: BTreeMap<&String, i64> = BTreeMap::new();
    loop {
        let mut lines = Vec::new();
        for (folder, name) in &wanted {
            let from = seen.get(folder).copied().unwrap_or(begin);
            for (time, text) in events(&client, &stack, name, from).await? {
                seen.entry(folder).and_modify(|last| *last = (*last).max(time + 1)).or_insert(time + 1);
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
        tokio::time::sleep(if local { LOOK.0 } else { LOOK.1 }).await;
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What Lambda itself writes, in the log of a function.
fn of_the_platform(text: &str) -> bool {
    ["START RequestId:", "END RequestId:", "REPORT RequestId:"].iter().any(|start| text.starts_with(start))
}

/// Time and text of each line from `from` on.
async fn events(
    client: &Client,
    stack: &Stack,
    function: &str,
    from: i64,
) -> anyhow::Result<Vec<(i64, String)>> {
    let pages = client.filter_log_events().log_group_name(format!("/aws/lambda/{function}")).start_time(from);
    let mut pages = pages.into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            // Nothing was ever written.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(FilterLogEventsError::is_resource_not_found_exception) =>
            {
                break;
            }
            page => page.map_err(|error| {
                failure(
                    format!("cannot read the log of {function}: {}", DisplayErrorContext(&error)),
                    if stack.local().is_some() {
                        "run `headwater up`; see .headwater/logs/emulator.log"
                    } else {
                        "this needs logs:FilterLogEvents, and a way to the API of CloudWatch Logs"
                    },
                )
            })?,
        };
        events.extend(page.events.unwrap_or_default().into_iter().map(|event| {
            (event.timestamp.unwrap_or(0), event.message.unwrap_or_default().trim_end().to_owned())
        }));
    }
    Ok(events)
}
