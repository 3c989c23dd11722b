//! `headwater lake`: how the Delta tables stand, what happened to them, and upkeep by hand.

mod history;
mod stats;
mod tables;
mod upkeep;
mod words;

use clap::{Args, Subcommand};
use tokio::time::Duration;

use crate::stack::{layout::Layout, opened::Stack};
use upkeep::Kind;

/// How long reading one table may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Arguments of `headwater lake`.
#[derive(Debug, Args)]
#[command(after_help = "\
A table is named by its topic. checkpoint, compact and vacuum invoke the function lake-keeper, which does the same on a schedule.

Examples:
  headwater lake stats
  headwater lake history rooms-v1
  headwater lake compact --dry-run
  headwater lake vacuum rooms-v1")]
pub(crate) struct LakeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how many files, rows and commits the tables have
    #[command(after_help = "\
small: files that a compaction may still join with others. unneeded: data files on S3 that the newest version does not consist of; they wait for a vacuum until the retention is over. since: commits after the newest checkpoint.

Examples:
  headwater lake stats
  headwater lake stats rooms-v1
  headwater lake stats --json | jq 'select(.small_files > 100) | .topic'")]
    Stats {
        /// Only the tables of these topics
        #[arg(value_name = "TOPIC")]
        topics: Vec<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show the latest commits of a table, newest first
    #[command(after_help = "\
Examples:
  headwater lake history rooms-v1
  headwater lake history rooms-v1 --limit 500 --json | jq -r .operation | sort | uniq -c")]
    History {
        /// The table's topic; not needed where there is one table
        topic: Option<String>,
        /// How many commits
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write checkpoints, so that readers and cold writers need not read long logs
    #[command(after_help = "\
Writes one wherever there is a commit after the newest checkpoint. The schedule waits for more of them (`lake.upkeep.checkpoint_commits`).

Examples:
  headwater lake checkpoint --dry-run
  headwater lake checkpoint rooms-v1")]
    Checkpoint(Upkeep),
    /// Join small files to larger ones; rows and positions stay as they are
    #[command(after_help = "\
Partitions with fewer small files than `lake.upkeep.min_files` are left alone, unless with --force. The files that were joined stay on S3 until a vacuum after `lake.upkeep.retention_hours`.

Examples:
  headwater lake compact --dry-run
  headwater lake compact rooms-v1
  headwater lake compact rooms-v1 --force")]
    Compact {
        #[command(flatten)]
        upkeep: Upkeep,
        /// Also join the files of partitions that have only a few small ones
        #[arg(long)]
        force: bool,
    },
    /// Delete data files and log entries that are older than the retention
    #[command(after_help = "\
Deletes data files that no version of the last `lake.upkeep.retention_hours` consists of, and log entries older than `lake.upkeep.log_retention_hours` that lie before a checkpoint. Both are set in the pipeline file.

Examples:
  headwater lake vacuum --dry-run
  headwater lake vacuum rooms-v1")]
    Vacuum(Upkeep),
}

/// Which tables, and whether for real.
#[derive(Debug, Args)]
struct Upkeep {
    /// Only the tables of these topics
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the action.
pub(crate) async fn run(layout: &Layout, args: &LakeArgs) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    match &args.action {
        Action::Stats { topics, json } => stats::run(&stack, topics, *json).await,
        Action::History { topic, limit, json } => history::run(&stack, topic.as_deref(), *limit, *json).await,
        Action::Checkpoint(Upkeep { topics, dry_run }) => {
            upkeep::run(&stack, Kind::Checkpoint, topics, *dry_run, true).await
        }
        Action::Compact { upkeep: Upkeep { topics, dry_run }, force } => {
            upkeep::run(&stack, Kind::Compact, topics, *dry_run, *force).await
        }
        Action::Vacuum(Upkeep { topics, dry_run }) => {
            upkeep::run(&stack, Kind::Vacuum, topics, *dry_run, false).await
        }
    }
}
