//! `headwater media`: real-looking files in the media bucket.

use anyhow::Context as _;
use bucket_ingester::FilesList;
use clap::Args;
use s3::ObjectStore;
use tokio::time::{Duration, Instant};

use crate::{
    failure::failure,
    out,
    samples::{media, upload},
    stack::{layout::Layout, opened::Stack},
};

/// The list of the source system.
pub(crate) const LIST: &str = "files_list.data";

/// Arguments of `headwater media`.
#[derive(Debug, Args)]
#[command(after_help = "\
Uploads files of songs, movies and apps, then the list that names them. The bucket's notifications do the rest.

Examples:
  headwater media --files 20 --rows 250
  headwater media --files 400 --rows 250 --dirty
  headwater media --files 1 --rows 100000 --seed 7")]
pub(crate) struct Media {
    /// How many files
    #[arg(long, value_name = "N")]
    files: usize,
    /// How many rows in each
    #[arg(long, value_name = "M", default_value_t = 250)]
    rows: usize,
    /// Broken and odd files among them: truncated, missing, compressed, bad rows, odd names
    #[arg(long)]
    dirty: bool,
    /// The same seed makes the same files
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Uploads the files and the list.
pub(crate) async fn run(layout: &Layout, args: &Media) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    if args.dirty && args.files < media::TRAPS {
        return Err(failure(
            format!("{} files are too few for every trap", args.files),
            format!("use --files {} or more with --dirty", media::TRAPS),
        ));
    }
    let store = store(&stack).await?;
    let started = Instant::now();
    let seed = args.seed.unwrap_or_else(rand::random);
    let files = media::Files::new(seed, &format!("run-{seed:016x}"), args.files, args.rows, args.dirty);
    let keys = files.keys();
    upload(&store, files, args.files as u64).await?;
    list(&store, keys).await?;
    out::note(format!(
        "{} files of {} rows uploaded in {:.1} s",
        args.files,
        args.rows,
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The media bucket.
pub(crate) async fn store(stack: &Stack) -> anyhow::Result<ObjectStore> {
    let Some(bucket) = &stack.outputs().media_bucket else {
        return Err(failure("this stack has no media bucket", stack.remedy()));
    };
    let location = format!("s3://{bucket}").parse().context("the media bucket's name")?;
    Ok(ObjectStore::new(stack.objects(), location))
}

/// Adds keys to the list.
async fn list(store: &ObjectStore, keys: Vec<String>) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let before = store.get(LIST, deadline).await?.unwrap_or_default();
    let FilesList { keys: mut all, unreadable, .. } = FilesList::read(&before);
    if let Some(line) = unreadable.first() {
        // They would be lost.
        let problem = format!("{LIST} was not changed: its {}", line.reason);
        return Err(failure(problem, "mend that line, or delete the list"));
    }
    all.extend(keys);
    let mut text = all.into_iter().collect::<Vec<_>>().join("\n");
    text.push('\n');
    store.put(LIST, text.into(), deadline).await.context("cannot write the list")
}
