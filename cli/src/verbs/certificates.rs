//! `headwater certificates`: what the function reconciler found, hour after hour.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;
use warehouse::certificates::{self, Certificate, State};

use crate::{
    failure::failure,
    out,
    stack::{aws, layout::Layout, postgres, record::Stack},
    table,
};

/// The function that makes them.
const FUNCTION: &str = "reconciler";

/// Arguments of `headwater certificates`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Every hour the function reconciler closes a window of offsets for each lane, and judges the window before: every record that Kafka took in it is stored or parked, and none twice. A certificate that fails is judged again each hour until it holds. Exits with an error while one fails.

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

#[derive(Debug, Args)]
struct List {
    /// Only of this topic
    #[arg(long)]
    topic: Option<String>,
    /// How many of each lane; those that fail are always listed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    /// One JSON list
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Invoke the function now, and judge what is closed without waiting for its hour
    Run {
        /// Only this topic
        #[arg(long)]
        topic: Option<String>,
    },
    /// Say why the failed certificates of a lane are to be borne; they are not judged any more
    Accept {
        /// The topic
        #[arg(long)]
        topic: String,
        /// The lane's consumer group
        #[arg(long)]
        group: String,
        /// Why: it is kept with the certificates
        #[arg(long)]
        reason: String,
    },
}

/// Lists certificates, has new ones made, or accepts failed ones.
pub(crate) async fn run(layout: &Layout, args: &Certificates) -> anyhow::Result<()> {
    let stack = Stack::load(layout)?;
    match &args.action {
        None => list(&stack, &args.list).await,
        Some(Action::Run { topic }) => {
            let request = json!({"topics": topic.iter().collect::<Vec<_>>(), "grace_minutes": 0});
            let answer = aws::invoke(&stack, FUNCTION, request.to_string().into_bytes()).await?;
            if answer["busy"] == true {
                return Err(failure("another run is under way", "run this again when it has ended"));
            }
            let faults = answer["topics"].as_array().into_iter().flatten();
            let faults =
                faults.filter_map(|topic| Some(format!("{}: {}", topic["topic"], topic["error"].as_str()?)));
            let faults: Vec<String> = faults.collect();
            if !faults.is_empty() {
                return Err(failure(
                    format!("not every window was judged: {}", faults.join("; ")),
                    format!("see `headwater logs {FUNCTION}`"),
                ));
            }
            list(&stack, &List { topic: topic.clone(), last: 1, json: false }).await
        }
        Some(Action::Accept { topic, group, reason }) => {
            let client = postgres::connect(&stack.database_url).await?;
            let accepted = certificates::accept(&client, topic, group, reason).await?;
            if accepted == 0 {
                return Err(failure(
                    format!("no certificate of group {group} in topic {topic} fails"),
                    "`headwater certificates` lists them",
                ));
            }
            out::line(format!("{accepted} certificates of {group} in {topic} are accepted: {reason}"));
            Ok(())
        }
    }
}

async fn list(stack: &Stack, args: &List) -> anyhow::Result<()> {
    let client = postgres::connect(&stack.database_url).await?;
    let all = certificates::list(&client, args.topic.as_deref(), args.last.into()).await;
    let all = all.context("cannot read the certificates")?;
    if args.json {
        out::json(&all)?;
    } else if all.is_empty() {
        out::line(
            "there is no certificate yet: the function makes one every hour, `headwater certificates run` makes one now",
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
        "repair what they name; the next run judges them again, `headwater certificates run` does it now",
    ))
}

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

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

fn word(state: State) -> &'static str {
    match state {
        State::Open => "not judged yet",
        State::Holds => "holds",
        State::Failed => "DOES NOT HOLD",
        State::Accepted => "accepted",
        State::Expired => "failed, and is not judged any more",
    }
}
