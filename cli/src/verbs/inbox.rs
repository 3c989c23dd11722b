//! `headwater inbox`: uploads sample events of users and cards into the inbox bucket.

use anyhow::Context as _;
use clap::Args;
use s3::ObjectStore;
use tokio::time::Instant;

use crate::{
    failure::failure,
    out,
    samples::{inbox, upload},
    stack::{layout::Layout, opened::Stack},
};

/// Arguments of `headwater inbox`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to try the lane of inbox-etl without the source system. Uploads one object per event, in random order. About 8 %
of the cards name no user. S3 notifies the function, which stores the events in Postgres; `headwater drain` waits for
that.

Examples:
  headwater inbox --users 1000 --cards 10000
  headwater inbox --users 10 --cards 100 --dirty --seed 7")]
pub(crate) struct Inbox {
    /// Number of users, with one event each
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,
    /// Number of card events; on average three per card
    #[arg(long, value_name = "N")]
    cards: u32,
    /// Add an incomplete object, two objects that are not events, and an event that is uploaded twice
    #[arg(long)]
    dirty: bool,
    /// Seed of the random numbers: the same seed makes the same events [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Makes the events and uploads them. Existing objects with the same keys are overwritten.
///
/// # Errors
/// The stack has no inbox, or an upload fails.
pub(crate) async fn run(layout: &Layout, args: &Inbox) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let store = store(&stack).await?;
    let started = Instant::now();
    let events = inbox::events(args.seed.unwrap_or_else(rand::random), args.users, args.cards, args.dirty);
    let total = events.len() as u64;
    upload(&store, events.into_iter(), total).await?;
    out::note(format!("{total} events uploaded in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}

/// A store for the whole inbox bucket. Fails if the stack has none.
pub(crate) async fn store(stack: &Stack) -> anyhow::Result<ObjectStore> {
    let Some(bucket) = &stack.outputs().inbox_bucket else {
        return Err(failure("this stack has no inbox", stack.remedy()));
    };
    let location = format!("s3://{bucket}").parse().context("the inbox bucket's name")?;
    Ok(ObjectStore::new(stack.objects(), location))
}
