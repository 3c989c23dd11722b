//! `headwater logs`: prints the functions' logs from CloudWatch Logs, one readable line per event.

mod color;
mod event;
mod line;
mod report;
mod tail;
mod words;

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use chrono::{Local, Utc};
use clap::Args;

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    stack::{layout::Layout, opened::Stack},
};
use color::Colors;
use line::Line;
use tail::Tail;

/// The pause between two requests with `--follow`: on the local stack, and in an account. CloudWatch Logs allows
/// about five requests per second.
const LOOK: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// Arguments of `headwater logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each event is one line: time, function, counts of records, duration. Counts of zero are left out. On a terminal, faults
are red (unless NO_COLOR is set). A fault names its request. Cold starts, timeouts and crashes are shown, too. Example:

  14:03:07.412 parquet-writer    500 received · 498 stored · 2 parked · 41 ms · payload 88.12 KiB · rooms-v1/0,2

The other parts of the local stack write files: .headwater/logs/{emulator,kafka,postgres,bridge,terraform}.log

Examples:
  headwater logs                                    # all functions, the oldest line first
  headwater logs parquet-writer --follow
  headwater logs --faults --since 1h                # only warnings and faults
  headwater logs totals-upserter --all | grep 9f1c  # every line about a request
  headwater logs parquet-writer --json | jq 'select(.RecordsParked? > 0)'
  headwater --stack stack.json logs --since 15m")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Logs {
    /// The function, by the name of its folder [default: all functions]
    function: Option<String>,
    /// Print new lines as they arrive, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only lines of the last DURATION [default: all lines; in an account, the last hour]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// Also print the lines that Lambda writes about each invocation
    #[arg(long)]
    all: bool,
    /// Print only warnings and faults
    #[arg(long, conflicts_with_all = ["all", "json"])]
    faults: bool,
    /// Print times in UTC instead of the time zone of this machine
    #[arg(long)]
    utc: bool,
    /// Print the lines as the functions wrote them; events are JSON
    #[arg(long)]
    json: bool,
}

/// Prints the lines, ordered by time. With `--follow`, returns only on an error.
///
/// # Errors
/// A failure with a fix if no function has the given name, or if CloudWatch Logs cannot be read.
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
    let colors = Colors::of_standard_output();
    let mut tails: Vec<_> = wanted.iter().map(|(folder, name)| (folder, name, Tail::new(begin))).collect();
    loop {
        let mut lines = Vec::new();
        for (folder, name, tail) in &mut tails {
            let new = tail.look(&client, name, local).await?;
            lines.extend(new.into_iter().map(|(time, text)| (time, folder.as_str(), text)));
        }
        // The sort is stable: lines of one function in the same millisecond keep their order.
        lines.sort_by_key(|(time, ..)| *time);
        for (time, folder, text) in lines {
            if let Some(shown) = shown(args, colors, time, folder, &text) {
                out::line(shown);
            }
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(if local { LOOK.0 } else { LOOK.1 }).await;
    }
}

/// The line as it is printed. `None` if the options exclude it.
///
/// `time` is in milliseconds since 1970, `folder` is the function's folder, `text` is the line in the log.
fn shown(args: &Logs, colors: Colors, time: i64, folder: &str, text: &str) -> Option<String> {
    if args.json {
        return (args.all || !report::of_the_platform(text)).then(|| text.to_owned());
    }
    let line = Line::read(text, args.all)?;
    if args.faults && !line.is_trouble() {
        return None;
    }
    let time = if args.utc { words::time(time, &Utc) } else { words::time(time, &Local) };
    Some(format!("{} {folder:<17} {}", colors.dim(&time), line.render(colors)))
}

/// The duration in whole milliseconds. Durations of more than 292 million years become `i64::MAX`.
fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
