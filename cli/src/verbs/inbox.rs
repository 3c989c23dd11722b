//! `headwater inbox`: real-looking events in the inbox.

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
Uploads one object for each event, in random order; some 8 % of the cards name no user. The bucket's notifications do the
rest.

Examples:
  headwater inbox --users 1000 --cards 10000
  headwater inbox --users 10 --cards 100 --dirty --seed 7")]
pub(crate) struct Inbox {
    /// Users, one event each
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,
    /// Events of cards
    #[arg(long, value_name = "N")]
    cards: u32,
    /// A partial object, one that is no event, and an event that comes twice among them
    #[arg(long)]
    dirty: bool,
    /// The same seed makes the same events
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Uploads the events.
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

/// The inbox's bucket.
pub(crate) async fn store(stack: &Stack) -> anyhow::Result<ObjectStore> {
    let Some(bucket) = &stack.outputs().inbox_bucket else {
        return Err(failure("this stack has no inbox", stack.remedy()));
    };
    let location = format!("s3://{bucket}").parse().context("the inbox bucket's name")?;
    Ok(ObjectStore::new(stack.objects(), location))
}
