//! `headwater ingest`: has a function look for objects, or read some of them again.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::failure,
    out,
    stack::{layout::Layout, opened::Stack},
};

/// Arguments of `headwater ingest`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without keys the function looks for what no notification told it of: the list's files, or all of the inbox.
What was read is not read again, unless with --force.

Examples:
  headwater ingest                                    the files of the list
  headwater ingest --force                            all of them again
  headwater ingest --force 'songs 1.json' apps.json
  headwater ingest --lane inbox-etl")]
pub(crate) struct Ingest {
    /// Read again what was read before
    #[arg(long)]
    force: bool,
    /// The function
    #[arg(long, default_value = "bucket-ingester", value_parser = ["bucket-ingester", "inbox-etl"])]
    lane: String,
    /// Only these objects
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

/// Invokes the function and says what it did.
pub(crate) async fn run(layout: &Layout, args: &Ingest) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let answer = command(&stack, &args.lane, args.force, &args.keys).await?;
    let counts: Vec<String> = answer
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "objects")
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    out::line(format!("{} objects looked at: {}", answer["objects"], counts.join(", ")));
    Ok(())
}

/// Has a function read objects again, whatever it knows of them.
pub(crate) async fn read_again(stack: &Stack, lane: &str, keys: &[&str]) -> anyhow::Result<()> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    command(stack, lane, true, &keys).await.map(drop)
}

async fn command(stack: &Stack, lane: &str, force: bool, keys: &[String]) -> anyhow::Result<Value> {
    let payload = serde_json::to_vec(&json!({"force": force, "keys": keys}))?;
    let answer = stack.invoke(lane, payload).await?;
    if answer["objects"].is_u64() {
        return Ok(answer);
    }
    Err(failure(format!("{lane} answered {answer}"), format!("see `headwater logs {lane}`")))
}
