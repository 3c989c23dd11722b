//! The report of an invocation.

use faults::{Classified, FaultClass};
use function_kit::telemetry::{Unit, WideEvent};
use lake::LakeError;
use s3::NotDeleted;
use serde::{Deserialize, Serialize};

use crate::Step;

/// The results of an invocation, by table. This is the function's response.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing was changed. The figures then say what would be done.
    pub dry_run: bool,
    /// The tables, in the order in which they were maintained.
    pub tables: Vec<TableReport>,
}

/// The results for one table. The figures of steps that were not requested are 0.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own in the JSON")]
pub struct TableReport {
    /// The topic of the table.
    pub topic: String,
    /// The table's path, relative to the lake's root.
    pub path: String,
    /// The version of the newest checkpoint. `None` if there is none.
    pub checkpoint: Option<i64>,
    /// Whether this invocation wrote the checkpoint.
    pub checkpoint_made: bool,
    /// The number of commits after the newest checkpoint.
    pub commits_since_checkpoint: u64,
    /// The number of small files that were merged. In a dry run: that would be merged.
    pub files_joined: u64,
    /// The size of the merged files, in bytes.
    pub bytes_joined: u64,
    /// The number of files that replaced the merged ones.
    pub files_written: u64,
    /// The size of these files, in bytes.
    pub bytes_written: u64,
    /// The number of groups of small files that are left for the next run. In a dry run: the number of files that would
    /// be written.
    pub groups_left: u64,
    /// The number of small files that were not merged, because they cannot be read or do not fit the table.
    pub files_unfit: u64,
    /// The reason for the first of these files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// The number of log files that were deleted. In a dry run: that would be deleted.
    pub log_entries_deleted: u64,
    /// The number of data files that were deleted. In a dry run: that would be deleted.
    pub files_deleted: u64,
    /// The size of these files, in bytes.
    pub bytes_deleted: u64,
    /// Whether the table does not get enough maintenance: a step failed, or there are too many commits after the
    /// checkpoint.
    pub behind: bool,
    /// Whether the time ran out before all steps were done. The next run continues.
    pub out_of_time: bool,
    /// The step that failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether an operator must act on the error. If not, the next run may succeed.
    #[serde(skip)]
    pub(crate) needs_action: bool,
}

impl TableReport {
    pub(crate) fn new(topic: &str, path: &str) -> Self {
        Self { topic: topic.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    /// Notes the error that ended the maintenance of the table.
    pub(crate) fn failed(&mut self, step: Step, error: &LakeError) {
        let step = serde_json::to_string(&step).unwrap_or_default();
        self.error = Some(format!("{}: {}", step.trim_matches('"'), faults::chain(error)));
        self.needs_action = error.class() != FaultClass::Retryable;
    }

    /// Notes objects that S3 refused to delete. A bucket policy or an object lock forbids it, and a retry cannot help.
    pub(crate) fn refused(&mut self, objects: &[NotDeleted]) {
        let Some(NotDeleted { path, reason }) = objects.first() else { return };
        self.error = Some(format!("S3 refused to delete {} objects, first {path}: {reason}", objects.len()));
        self.needs_action = true;
    }
}

impl Report {
    /// Adds the figures to the invocation's wide event: sums over all tables, and the number of tables that are behind.
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
