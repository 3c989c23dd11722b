//! `headwater rooms`: produces sample records to Kafka with the function rooms-generator.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::time::{Instant, sleep_until};

use crate::{
    failure::failure,
    out,
    progress::Meter,
    stack::{layout::Layout, opened::Stack},
};

/// Maximum number of records per invocation, so that each ends well within the time-out of the function.
const CHUNK: u64 = 100_000;

/// Arguments of `headwater rooms`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to feed the topic of room counts, for a demonstration or a load test. When the command returns, Kafka has
acknowledged every record.

Examples:
  headwater rooms --count 1000
  headwater rooms --count 1000000
  headwater rooms --count 60000 --rate 1000  send records for one minute")]
pub(crate) struct Rooms {
    /// Number of records
    #[arg(long, value_name = "N")]
    count: u64,
    /// Records per second [default: as fast as possible]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
}

/// Invokes the generator, one invocation after another, until all records are in Kafka. With `--rate`, each invocation
/// produces the records of at most one second, and begins when they are due.
///
/// # Errors
/// - An invocation fails. The error says how many records the invocations before it have sent.
/// - The answer has another number of records than requested.
pub(crate) async fn run(layout: &Layout, args: &Rooms) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let chunk = args.rate.map_or(CHUNK, |rate| rate.min(CHUNK));
    let started = Instant::now();
    let mut meter = Meter::new("records", args.count);
    let mut sent = 0;
    while sent < args.count {
        if let Some(rate) = args.rate {
            #[allow(clippy::cast_precision_loss, reason = "a pace, not a promise")]
            let due = Duration::from_secs_f64(sent as f64 / rate as f64);
            sleep_until(started + due).await;
        }
        let count = chunk.min(args.count - sent);
        let payload = serde_json::to_vec(&serde_json::json!({ "count": count }))?;
        let answer = stack
            .invoke("rooms-generator", payload)
            .await
            .with_context(|| format!("{sent} of {} records were sent", args.count))?;
        let said = ["produced", "count", "records", "sent"].iter().find_map(|name| answer[name].as_u64());
        if said != Some(count) {
            return Err(failure(
                format!("the generator answered {answer} when asked for {count} records"),
                "see `headwater logs rooms-generator`",
            ));
        }
        sent += count;
        meter.set(sent, args.count);
    }
    drop(meter);
    out::note(format!("{sent} records sent in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}
