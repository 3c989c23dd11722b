//! `headwater ingest`: invokes bucket-ingester or inbox-etl to look for new objects, or to read some of them again.

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
Use it if a notification of S3 was lost, or to read objects again after a repair. A scheduled sweep does the same as
this command without keys.

Without keys, bucket-ingester looks at every file in its list, and inbox-etl at every object in the inbox. An object
whose current version was read before is skipped, unless with --force.

Examples:
  headwater ingest                                    read the new files of the list
  headwater ingest --force                            read all files of the list again
  headwater ingest --force 'songs 1.json' apps.json   read two files again
  headwater ingest --lane inbox-etl                   read the new objects of the inbox")]
pub(crate) struct Ingest {
    /// Also read objects whose current version was read before
    #[arg(long)]
    force: bool,
    /// Function that reads the objects
    #[arg(long, default_value = "bucket-ingester", value_parser = ["bucket-ingester", "inbox-etl"])]
    lane: String,
    /// Read only these objects
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

/// Invokes the function, waits for its answer and prints the counts.
///
/// # Errors
/// The function cannot be invoked, fails, or its answer has no number `objects`.
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

/// Invokes a function to read the objects with these keys again, even if their current versions were read before.
pub(crate) async fn read_again(stack: &Stack, lane: &str, keys: &[&str]) -> anyhow::Result<()> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    command(stack, lane, true, &keys).await.map(drop)
}

/// Sends a command to the function and returns its answer: an object of counts, with the number of `objects`.
async fn command(stack: &Stack, lane: &str, force: bool, keys: &[String]) -> anyhow::Result<Value> {
    let payload = serde_json::to_vec(&json!({"force": force, "keys": keys}))?;
    let answer = stack.invoke(lane, payload).await?;
    if answer["objects"].is_u64() {
        return Ok(answer);
    }
    Err(failure(format!("{lane} answered {answer}"), format!("see `headwater logs {lane}`")))
}
