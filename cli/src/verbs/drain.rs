//! `headwater drain`: waits until every mapping and every queue has delivered everything.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;

use crate::{
    failure::failure,
    out,
    progress::Meter,
    stack::{
        bridge,
        lag::{self, MappingLag},
        layout::Layout,
        opened::Stack,
        queues::{self, QueueDepth},
    },
    table,
};

/// Arguments of `headwater drain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it in scripts between producing records and reading the tables.

Waits until every consumer group has committed all records and every queue is empty. If the timeout passes first, prints
a table of the undelivered records and messages, and exits with an error. Parked records count as delivered.

Examples:
  headwater drain
  headwater drain --timeout 10m")]
pub(crate) struct Drain {
    /// Time after which the command gives up (`90`, `90s`, `5m`, `500ms`)
    #[arg(long, default_value = "60s", value_parser = duration)]
    timeout: Duration,
}

/// Time after which `drain` reports open transactions. Shorter ones are normal while a producer writes.
const SOON: Duration = Duration::from_secs(2);

/// Waits until the lag of every mapping is 0, no transaction is open, and every queue is empty. Asks every 100 ms.
///
/// # Errors
/// - `--timeout` is over.
/// - The bridge of the local stack is not running.
/// - Kafka or SQS cannot be reached.
pub(crate) async fn run(layout: &Layout, args: &Drain) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let outputs = stack.outputs();
    let started = tokio::time::Instant::now();
    let reader = lag::reader(&stack).await?;
    let mut meter: Option<(Meter, u64)> = None;
    let mut said = false;
    loop {
        if stack.local().is_some() && bridge::part(layout).running().is_none() {
            return Err(failure("the bridge is not running, so nothing is delivered", "run `headwater up`"));
        }
        let lags = lag::all(&reader, outputs).await?;
        let depths = queues::all(&stack).await?;
        // Offsets of open transactions count too: their records are not delivered yet.
        let left: u64 = lags.iter().map(|lag| lag.total() + lag.open()).sum::<u64>()
            + depths.iter().map(|depth| depth.waiting).sum::<u64>();
        if left == 0 {
            drop(meter);
            out::note(format!("drained in {:.1} s", started.elapsed().as_secs_f64()));
            return Ok(());
        }
        let (meter, most) = meter.get_or_insert_with(|| (Meter::new("deliveries", left), left));
        // Producers may add records meanwhile. The bar then shows the part of the largest backlog that is delivered.
        *most = left.max(*most);
        meter.set(*most - left, *most);
        if started.elapsed() >= args.timeout {
            return Err(left_over(layout, &stack, (&lags, &depths), left, args.timeout));
        }
        // A transaction that is still open now may be hanging. Report it once.
        if started.elapsed() >= SOON && !said {
            let open = open_transactions(&lags);
            open.iter().for_each(out::note);
            said = !open.is_empty();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Describes the open transactions. A transaction that blocks several groups is listed once.
fn open_transactions(lags: &[MappingLag<'_>]) -> BTreeSet<String> {
    let of = |lag: &MappingLag<'_>| {
        let topic = &lag.mapping.topic;
        lag.open_transactions().iter().map(|open| open.describe(topic)).collect::<Vec<_>>()
    };
    lags.iter().flat_map(of).collect()
}

/// Prints the partitions and queues that are not drained, and returns the error for the timeout.
///
/// If only open transactions are left in Kafka, the error names them and says how to end them.
fn left_over(
    layout: &Layout,
    stack: &Stack,
    (lags, depths): (&[MappingLag<'_>], &[QueueDepth<'_>]),
    left: u64,
    timeout: Duration,
) -> anyhow::Error {
    let rows = lags.iter().flat_map(|lag| {
        let mapping = lag.mapping;
        lag.partitions.iter().filter(|partition| partition.lag + partition.open > 0).map(|partition| {
            vec![
                mapping.function_name.clone(),
                mapping.consumer_group.clone(),
                format!("{}-{}", mapping.topic, partition.partition),
                partition.committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string()),
                partition.end.to_string(),
                partition.lag.to_string(),
                partition.open.to_string(),
            ]
        })
    });
    out::line(table::render(
        &["function", "group", "partition", "committed", "end", "lag", "in a transaction"],
        rows,
    ));
    if depths.iter().any(|depth| depth.waiting > 0) {
        let rows = depths.iter().filter(|depth| depth.waiting > 0).map(|depth| {
            vec![depth.queue.function_name.clone(), depth.queue.name.clone(), depth.waiting.to_string()]
        });
        out::line(table::render(&["function", "queue", "messages"], rows));
    }
    let open = open_transactions(lags);
    if !open.is_empty() && lags.iter().all(|lag| lag.total() == 0) {
        return failure(
            open.into_iter().collect::<Vec<_>>().join("; "),
            "let its producer commit or abort it, or use `kafka-transactions.sh find-hanging` and `abort`",
        );
    }
    let bridge = stack.local().map(|_| format!(", and {}", bridge::part(layout).log.display()));
    failure(
        format!("{left} deliveries are left after {timeout:?}"),
        format!("see `headwater status` and `headwater logs`{}", bridge.unwrap_or_default()),
    )
}

/// Parses `90`, `90s`, `5m`, `1h` or `500ms`. A number without a unit is in seconds.
///
/// # Errors
///
/// The number is missing, the unit is unknown, or the duration in milliseconds does not fit in a `u64`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 =
        text[..digits].parse().map_err(|_| "expected a number with ms, s, m or h, such as 60s".to_owned())?;
    let milliseconds = match &text[digits..] {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        other => return Err(format!("unknown unit {other}: use ms, s, m or h")),
    };
    milliseconds.map(Duration::from_millis).ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert!(duration("soon").is_err() && duration("5 parsecs").is_err());
        assert!(duration("18446744073709551615h").is_err());
    }
}
