//! `headwater certificates`: shows the certificates that the function reconciler makes every hour, invokes it now, or
//! accepts failed certificates. They are rows of the table `certificates` in Postgres.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;
use warehouse::certificates::{self, Certificate, State};

use crate::{
    failure::failure,
    out,
    stack::{layout::Layout, opened::Stack},
    table,
};

/// The function that makes certificates, by the name of its folder.
const FUNCTION: &str = "reconciler";

/// Arguments of `headwater certificates`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A certificate says for one lane and one window of offsets whether every record in Kafka is stored or parked, and none is
stored twice. The function reconciler makes one per lane and hour. It checks a failed certificate again each hour, until
it holds, is accepted or expires (functions/reconciler/README.md).

Lists the newest certificates of each lane, and all that fail. Exits with an error if one fails.

Examples:
  headwater certificates
  headwater certificates --topic rooms-v1 --last 24 --json
  headwater certificates run --topic rooms-v1
  headwater certificates accept --topic rooms-v1 --group reckoning --reason 'test rows that were deleted by hand'"
)]
pub(crate) struct Certificates {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

/// Which certificates to list, and in which form.
#[derive(Debug, Args)]
struct List {
    /// List only certificates of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Number of certificates per lane; those that fail are always listed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Invoke reconciler now: it closes the current windows and checks them without its usual delay
    #[command(after_help = "\
Use it after a repair, to see at once whether failed certificates hold, or before the first scheduled run.
Then lists the newest certificate of each lane, and exits with an error if one fails.

Examples:
  headwater certificates run
  headwater certificates run --topic rooms-v1")]
    Run {
        /// Check only this topic
        #[arg(long)]
        topic: Option<String>,
    },
    /// Accept the failed certificates of a lane; they are not checked again
    #[command(after_help = "\
Use it if the cause of a failure is known and cannot be repaired, for example rows that were deleted on purpose.

Examples:
  headwater certificates accept --topic rooms-v1 --group reckoning --reason 'test rows that were deleted by hand'")]
    Accept {
        /// Topic of the lane
        #[arg(long)]
        topic: String,
        /// Consumer group of the lane
        #[arg(long)]
        group: String,
        /// Reason, which is stored with the certificates
        #[arg(long)]
        reason: String,
    },
}

/// Lists certificates, invokes the function that makes them, or accepts failed ones.
///
/// # Errors
/// - A listed certificate fails.
/// - `run`: another run is in progress, or the function could not check a topic.
/// - `accept`: the lane has no failed certificate.
/// - The function or Postgres cannot be reached.
pub(crate) async fn run(layout: &Layout, args: &Certificates) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    match &args.action {
        None => list(&stack, &args.list).await,
        Some(Action::Run { topic }) => {
            // No topics means all topics. With 0 minutes, the windows that this invocation closes are checked too.
            let request = json!({"topics": topic.iter().collect::<Vec<_>>(), "grace_minutes": 0});
            let answer = stack.invoke(FUNCTION, request.to_string().into_bytes()).await?;
            if answer["busy"] == true {
                return Err(failure("another run is in progress", "run this again when it has ended"));
            }
            let faults = answer["topics"].as_array().into_iter().flatten();
            let faults =
                faults.filter_map(|topic| Some(format!("{}: {}", topic["topic"], topic["error"].as_str()?)));
            let faults: Vec<String> = faults.collect();
            if !faults.is_empty() {
                return Err(failure(
                    format!("not every window was checked: {}", faults.join("; ")),
                    format!("see `headwater logs {FUNCTION}`"),
                ));
            }
            list(&stack, &List { topic: topic.clone(), last: 1, json: false }).await
        }
        Some(Action::Accept { topic, group, reason }) => {
            let client = stack.postgres().await?;
            let accepted = certificates::accept(&client, topic, group, reason).await?;
            if accepted == 0 {
                return Err(failure(
                    format!("group {group} has no failed certificate in topic {topic}"),
                    "`headwater certificates` lists the failed ones",
                ));
            }
            out::line(format!("{accepted} certificates of {group} in {topic} are accepted: {reason}"));
            Ok(())
        }
    }
}

/// Reads certificates from Postgres and prints them.
///
/// # Errors
/// A certificate fails, so that a script can use the exit status. Accepted and expired ones do not count.
async fn list(stack: &Stack, args: &List) -> anyhow::Result<()> {
    let client = stack.postgres().await?;
    let all = certificates::list(&client, args.topic.as_deref(), args.last.into()).await;
    let all = all.context("cannot read the certificates")?;
    if args.json {
        out::json(&all)?;
    } else if all.is_empty() {
        out::line(
            "no certificate yet: the function makes them every hour; `headwater certificates run` makes them now",
        );
    } else {
        show(&all);
    }
    let failed = all.iter().filter(|one| one.state == State::Failed).count();
    if failed == 0 {
        return Ok(());
    }
    Err(failure(
        format!("{failed} certificates do not hold"),
        "repair the listed problems; the next run checks again (now: `headwater certificates run`)",
    ))
}

/// Prints a table with one row per certificate, and below it one line per problem, note and reason. Problems of
/// certificates that hold are not printed.
fn show(all: &[Certificate]) {
    let header = [
        "function",
        "topic",
        "window",
        "closed",
        "produced",
        "stored",
        "parked",
        "missing",
        "doubled",
        "lost",
        "certificate",
    ];
    let rows = all.iter().map(|one| {
        let counts = &one.counts;
        let numbers =
            [counts.produced, counts.stored, counts.parked, counts.missing, counts.doubled, counts.lost];
        let mut row = vec![
            one.lane.function.clone(),
            one.lane.topic.clone(),
            one.number.to_string(),
            minute(one.closed_at),
        ];
        row.extend(numbers.iter().map(ToString::to_string));
        row.push(word(one.state).to_owned());
        row
    });
    out::line(table::render(&header, rows));
    for one in all {
        let of = format!("{} of {}, window {}", one.lane.function, one.lane.topic, one.number);
        for problem in one.problems.iter().filter(|_| one.state != State::Holds) {
            out::line(format!("{of}: {problem}"));
        }
        for note in &one.notes {
            out::line(format!("{of}: {note}"));
        }
        if let Some(reason) = &one.reason {
            out::line(format!("{of}: accepted, because {reason}"));
        }
    }
}

/// A time in UTC, to the minute.
fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// The state as the column `certificate` shows it.
fn word(state: State) -> &'static str {
    match state {
        State::Open => "not checked yet",
        State::Holds => "holds",
        State::Failed => "DOES NOT HOLD",
        State::Accepted => "accepted",
        State::Expired => "failed, not checked any more",
    }
}
