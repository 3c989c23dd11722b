//! What an invocation did.

use faults::{Classified, FaultClass};
use function_kit::telemetry::{Unit, WideEvent};
use lake::LakeError;
use s3::NotDeleted;
use serde::{Deserialize, Serialize};

use crate::Step;

/// What was done, table by table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Nothing was changed: the figures say what would be done.
    pub dry_run: bool,
    /// The tables, in the order of the work.
    pub tables: Vec<TableReport>,
}

/// What was done for one table. Steps that were not asked for leave their figures at 0.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own in the JSON")]
pub struct TableReport {
    /// The topic whose records the table holds.
    pub topic: String,
    /// Its path below the lake's root.
    pub path: String,
    /// The version of the newest checkpoint.
    pub checkpoint: Option<i64>,
    /// Whether it was written now.
    pub checkpoint_made: bool,
    /// Commits after it.
    pub commits_since_checkpoint: u64,
    /// Small files that were joined, or would be.
    pub files_joined: u64,
    /// Their bytes.
    pub bytes_joined: u64,
    /// Files that took their place.
    pub files_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Groups of small files that are left for the next run; in a dry run, the files that would take their place.
    pub groups_left: u64,
    /// Small files that stay as they are because they cannot be read or do not fit the table.
    pub files_unfit: u64,
    /// Why the first of them does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// Log entries that were deleted, or would be.
    pub log_entries_deleted: u64,
    /// Data files that were deleted, or would be.
    pub files_deleted: u64,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// The table does not get the upkeep that it needs.
    pub behind: bool,
    /// The time was over before all steps were done; the next run goes on.
    pub out_of_time: bool,
    /// The step that failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether somebody must act on the error.
    #[serde(skip)]
    pub(crate) needs_action: bool,
}

impl TableReport {
    pub(crate) fn new(topic: &str, path: &str) -> Self {
        Self { topic: topic.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    pub(crate) fn failed(&mut self, step: Step, error: &LakeError) {
        let step = serde_json::to_string(&step).unwrap_or_default();
        self.error = Some(format!("{}: {}", step.trim_matches('"'), faults::chain(error)));
        self.needs_action = error.class() != FaultClass::Retryable;
    }

    /// Objects that S3 would not delete: a bucket's policy or lock forbids it, and no retry will help.
    pub(crate) fn refused(&mut self, objects: &[NotDeleted]) {
        let Some(NotDeleted { path, reason }) = objects.first() else { return };
        self.error = Some(format!("S3 would not delete {} objects, first {path}: {reason}", objects.len()));
        self.needs_action = true;
    }
}

impl Report {
    /// Adds the figures to the invocation's wide event: sums over the tables, and how many are behind.
    pub fn note(&self, event: &mut WideEvent) {
        let sum = |of: fn(&TableReport) -> u64| self.tables.iter().map(of).sum::<u64>();
        let behind = self.tables.iter().filter(|table| table.behind).count() as u64;
        let longest = self.tables.iter().map(|table| table.commits_since_checkpoint).max().unwrap_or(0);
        event
            .field("tables", serde_json::json!(self.tables))
            .metric("TablesKept", self.tables.len() as u64, Unit::Count)
            .metric("TablesBehind", behind, Unit::Count)
            .metric("CommitsSinceCheckpoint", longest, Unit::Count)
            .metric("Checkpoints", sum(|table| table.checkpoint_made.into()), Unit::Count)
            .metric("FilesJoined", sum(|table| table.files_joined), Unit::Count)
            .metric("BytesJoined", sum(|table| table.bytes_joined), Unit::Bytes)
            .metric("FilesWritten", sum(|table| table.files_written), Unit::Count)
            .metric("BytesWritten", sum(|table| table.bytes_written), Unit::Bytes)
            .metric("LogEntriesDeleted", sum(|table| table.log_entries_deleted), Unit::Count)
            .metric("FilesDeleted", sum(|table| table.files_deleted), Unit::Count)
            .metric("BytesDeleted", sum(|table| table.bytes_deleted), Unit::Bytes);
        let faults = self.tables.iter().filter(|table| table.needs_action);
        let faults: Vec<String> = faults
            .map(|table| format!("{}: {}", table.path, table.error.as_deref().unwrap_or_default()))
            .collect();
        if !faults.is_empty() {
            event.fault(faults.join("; "));
        }
    }
}
