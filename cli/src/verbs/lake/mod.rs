//! `headwater lake`: shows the size and the history of the Delta tables, and runs their upkeep by hand.

mod history;
mod stats;
mod tables;
mod upkeep;
mod words;

use clap::{Args, Subcommand};
use tokio::time::Duration;

use crate::stack::{layout::Layout, opened::Stack};
use upkeep::Kind;

/// The time limit for reading one table.
const PATIENCE: Duration = Duration::from_mins(5);

/// Arguments of `headwater lake`.
#[derive(Debug, Args)]
#[command(after_help = "\
TOPIC is the topic whose records the table holds. checkpoint, compact and vacuum invoke the function lake-keeper, which
also does this work on a schedule.

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
Columns:
  small      files that a compaction can still merge
  unneeded   data files on S3 that are not part of the newest version; a vacuum deletes them after the retention
  since      commits after the newest checkpoint

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
        /// The topic of the table; needed only if there are several tables
        topic: Option<String>,
        /// The number of commits
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write checkpoints, so that readers and starting writers read short logs
    #[command(after_help = "\
Writes a checkpoint for each table that has a commit after its newest checkpoint. On its schedule, lake-keeper waits for
more commits (`lake.upkeep.checkpoint_commits`).

Examples:
  headwater lake checkpoint --dry-run
  headwater lake checkpoint rooms-v1")]
    Checkpoint(Upkeep),
    /// Merge small files into larger ones; rows and positions do not change
    #[command(after_help = "\
Skips partitions with fewer small files than `lake.upkeep.min_files`, unless --force is given. The merged files stay on
S3 until a vacuum deletes them after `lake.upkeep.retention_hours`.

Examples:
  headwater lake compact --dry-run
  headwater lake compact rooms-v1
  headwater lake compact rooms-v1 --force")]
    Compact {
        #[command(flatten)]
        upkeep: Upkeep,
        /// Also merge the files of partitions that have only a few small files
        #[arg(long)]
        force: bool,
    },
    /// Delete data files and log entries that are older than the retention
    #[command(after_help = "\
Deletes data files that no version of the last `lake.upkeep.retention_hours` uses, and log entries before a checkpoint
that are older than `lake.upkeep.log_retention_hours`. Both retentions are set in the pipeline file.

Examples:
  headwater lake vacuum --dry-run
  headwater lake vacuum rooms-v1")]
    Vacuum(Upkeep),
}

/// Options of `checkpoint`, `compact` and `vacuum`.
#[derive(Debug, Args)]
struct Upkeep {
    /// Only the tables of these topics
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Report what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the action.
///
/// A checkpoint is always forced, so that one commit is enough. A vacuum is never forced.
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
