//! `headwater media`: uploads sample files into the media bucket and adds them to the list that bucket-ingester reads.

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

/// Key of the list of files. The source system writes this list.
pub(crate) const LIST: &str = "files_list.data";

/// Arguments of `headwater media`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to try the lane of bucket-ingester without the source system. Uploads files of songs, movies and apps, and adds
their keys to the list of files. S3 notifies the function, which stores the rows in Postgres; `headwater drain` waits
for that.

Examples:
  headwater media --files 20 --rows 250
  headwater media --files 400 --rows 250 --dirty
  headwater media --files 1 --rows 100000 --seed 7")]
pub(crate) struct Media {
    /// Number of files; at least 12 with --dirty
    #[arg(long, value_name = "N")]
    files: usize,
    /// Number of rows in each file
    #[arg(long, value_name = "M", default_value_t = 250)]
    rows: usize,
    /// Make some files defective or unusual: truncated, missing, compressed, with bad rows, with unusual names
    #[arg(long)]
    dirty: bool,
    /// Seed of the random numbers: the same seed makes the same files [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Makes the files, uploads them below the folder `run-<seed>`, and then extends the list.
///
/// # Errors
/// - `--dirty` with fewer files than there are kinds of defects.
/// - The stack has no media bucket, or an upload fails.
/// - The list has an unreadable line. It is then left unchanged.
pub(crate) async fn run(layout: &Layout, args: &Media) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    if args.dirty && args.files < media::TRAPS {
        return Err(failure(
            format!("{} files are too few for all kinds of defects", args.files),
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

/// A store for the whole media bucket. Fails if the stack has none.
pub(crate) async fn store(stack: &Stack) -> anyhow::Result<ObjectStore> {
    let Some(bucket) = &stack.outputs().media_bucket else {
        return Err(failure("this stack has no media bucket", stack.remedy()));
    };
    let location = format!("s3://{bucket}").parse().context("the media bucket's name")?;
    Ok(ObjectStore::new(stack.objects(), location))
}

/// Adds keys to the list of files and writes it, one key per line. Reading and writing are separate requests, so the
/// change of another process in between is lost.
async fn list(store: &ObjectStore, keys: Vec<String>) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let before = store.get(LIST, deadline).await?.unwrap_or_default();
    let FilesList { keys: mut all, unreadable, .. } = FilesList::read(&before);
    if let Some(line) = unreadable.first() {
        // The list is rewritten from the parsed keys, so unreadable lines would be lost.
        let problem = format!("{LIST} was not changed: its {}", line.reason);
        return Err(failure(problem, "repair that line, or delete the list"));
    }
    all.extend(keys);
    let mut text = all.into_iter().collect::<Vec<_>>().join("\n");
    text.push('\n');
    store.put(LIST, text.into(), deadline).await.context("cannot write the list")
}
