//! The history of a table: its newest commits, and what each one changed.

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use lake::{
    LakeError,
    upkeep::{DeletionVector, commit_path, rows},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::{Keeper, log::Log};

/// The number of commits that are read at the same time.
const AHEAD: usize = 16;

/// One commit of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// The version of the commit.
    pub version: i64,
    /// When it was committed: by the writer's clock, or by the object store's clock if the writer does not say.
    pub timestamp: Option<DateTime<Utc>>,
    /// The operation, such as `WRITE` or `OPTIMIZE`, if the writer says it.
    pub operation: Option<String>,
    /// How a `WRITE` changed the table, such as `Append` or `Overwrite`, if the writer says it.
    pub mode: Option<String>,
    /// The tool that wrote the commit, if it says so.
    pub engine: Option<String>,
    /// The user of the tool, if the commit says so.
    pub user: Option<String>,
    /// The number of files added.
    pub added_files: u64,
    /// The size of the added files, in bytes.
    pub added_bytes: u64,
    /// The number of rows in the added files. `None` if the statistics of a file do not contain it.
    pub added_rows: Option<u64>,
    /// The number of files removed.
    pub removed_files: u64,
    /// The size of the removed files, in bytes. `None` if the writer does not say.
    pub removed_bytes: Option<u64>,
    /// The number of rows in the removed files. `None` if the writer does not say.
    pub removed_rows: Option<u64>,
}

/// A line of a commit, with the actions that the history shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    commit_info: Option<Value>,
    add: Option<File>,
    remove: Option<File>,
}

/// An added or removed file, with the fields that any writer can set.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    size: Option<u64>,
    data_change: Option<bool>,
    stats: Option<String>,
    deletion_vector: Option<DeletionVector>,
}

impl File {
    /// The number of rows in the file, without deleted ones. `None` if the statistics do not contain it.
    fn rows(&self) -> Option<u64> {
        let deleted = self.deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
        Some(rows(self.stats.as_deref()?)?.saturating_sub(u64::try_from(deleted).unwrap_or(0)))
    }
}

impl Keeper {
    /// Returns the newest `limit` commits, newest first. Returns fewer if older ones were cleaned up.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table; [`LakeError::Log`] if a commit cannot be parsed.
    pub async fn history(&self, limit: usize, deadline: Instant) -> Result<Vec<HistoryEntry>, LakeError> {
        let log = Log { store: &self.store, deadline };
        let newest = log.segment().await?.commits.end - 1;
        // Boxed, because the compiler cannot prove that the nested future is `Send`.
        let one = |version| self.entry(version, deadline).boxed();
        let mut commits = stream::iter((0..=newest).rev().take(limit)).map(one).buffered(AHEAD);
        let mut entries = Vec::new();
        while let Some(Some(entry)) = commits.try_next().await? {
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Reads one commit. `None` if it does not exist, because the log was cleaned up.
    async fn entry(&self, version: i64, deadline: Instant) -> Result<Option<HistoryEntry>, LakeError> {
        let log = Log { store: &self.store, deadline };
        let Some(lines) = log.commit::<Line>(version).await? else { return Ok(None) };
        let mut entry = HistoryEntry::of(version, &lines);
        if entry.timestamp.is_none() {
            let object = self.store.head(&commit_path(version), deadline).await?;
            entry.timestamp = object.map(|object| object.modified);
        }
        Ok(Some(entry))
    }
}

impl HistoryEntry {
    /// The entry of a commit, from its actions.
    fn of(version: i64, lines: &[Line]) -> Self {
        let info = lines.iter().find_map(|line| line.commit_info.as_ref());
        let field = |name: &str| info.and_then(|info| info.get(name));
        let text = |name: &str| field(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let millis = |name: &str| field(name).and_then(Value::as_i64);
        let added: Vec<&File> = lines.iter().filter_map(|line| line.add.as_ref()).collect();
        let removed: Vec<&File> = lines.iter().filter_map(|line| line.remove.as_ref()).collect();
        let added_rows = added.iter().map(|file| file.rows()).sum();
        let removed_rows = if added.iter().chain(&removed).all(|file| file.data_change == Some(false)) {
            // The commit moves the same rows to other files (a compaction). Such removes have no statistics.
            added_rows
        } else {
            removed.iter().map(|file| file.rows()).sum()
        };
        Self {
            version,
            // In-commit timestamps, if the table has them, are the authoritative time of a commit (Delta protocol).
            timestamp: millis("inCommitTimestamp")
                .or_else(|| millis("timestamp"))
                .and_then(DateTime::from_timestamp_millis),
            operation: text("operation"),
            mode: info
                .and_then(|info| info.pointer("/operationParameters/mode")?.as_str())
                .map(ToOwned::to_owned),
            engine: text("engineInfo").or_else(|| text("clientVersion")),
            user: text("userName").or_else(|| text("userId")),
            added_files: added.len() as u64,
            added_bytes: added.iter().filter_map(|file| file.size).sum(),
            added_rows,
            removed_files: removed.len() as u64,
            removed_bytes: removed.iter().map(|file| file.size).sum(),
            removed_rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use lake::upkeep::parse;

    use super::*;

    /// The entry of a commit with these lines.
    fn entry(lines: &[&str]) -> HistoryEntry {
        HistoryEntry::of(7, &parse::<Line>(lines.join("\n").as_bytes()).unwrap())
    }

    /// A line that adds a file of 10 bytes with 3 rows.
    const ADD: &str = r#"{"add":{"path":"a","partitionValues":{},"size":10,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":3}"}}"#;

    /// Issue 24856 of trinodb/trino: the history showed the time of the writer's clock instead.
    #[test]
    fn the_time_of_a_commit_is_its_in_commit_timestamp_if_it_has_one() {
        let with = entry(&[
            r#"{"commitInfo":{"timestamp":1000,"inCommitTimestamp":5000,"operation":"MERGE"}}"#,
            ADD,
        ]);
        assert_eq!(with.timestamp.map(|at| at.timestamp()), Some(5));
        let without = entry(&[ADD, r#"{"commitInfo":{"timestamp":1000,"userName":"ann"}}"#]);
        assert_eq!(
            (without.timestamp.map(|at| at.timestamp()), without.user.as_deref()),
            (Some(1), Some("ann"))
        );
    }

    #[test]
    fn a_commit_without_commit_info_has_added_and_removed_files() {
        let entry = entry(&[ADD, r#"{"remove":{"path":"b","dataChange":true,"deletionTimestamp":1}}"#]);
        assert_eq!(
            (entry.timestamp, entry.operation.as_deref(), entry.engine.as_deref()),
            (None, None, None)
        );
        assert_eq!((entry.added_files, entry.added_bytes, entry.added_rows), (1, 10, Some(3)));
        assert_eq!((entry.removed_files, entry.removed_bytes, entry.removed_rows), (1, None, None));
    }

    #[test]
    fn a_compaction_removes_as_many_rows_as_it_adds() {
        let moved = entry(&[
            r#"{"add":{"path":"a","size":10,"dataChange":false,"stats":"{\"numRecords\":3}"}}"#,
            r#"{"remove":{"path":"b","size":6,"dataChange":false}}"#,
            r#"{"remove":{"path":"c","size":7,"dataChange":false}}"#,
        ]);
        assert_eq!((moved.added_rows, moved.removed_rows), (Some(3), Some(3)));
        assert_eq!((moved.removed_files, moved.removed_bytes), (2, Some(13)));
    }

    #[test]
    fn rows_in_a_deletion_vector_are_not_counted() {
        let deleted = entry(&[
            r#"{"remove":{"path":"a","size":9,"dataChange":true,"stats":"{\"numRecords\":3}"}}"#,
            r#"{"add":{"path":"a","size":9,"dataChange":true,"stats":"{\"numRecords\":3}","deletionVector":{"storageType":"u","pathOrInlineDv":"x","sizeInBytes":4,"cardinality":2}}}"#,
        ]);
        assert_eq!((deleted.added_rows, deleted.removed_rows), (Some(1), Some(3)));
    }

    #[test]
    fn a_commit_with_only_positions_has_no_rows() {
        let entry = entry(&[r#"{"txn":{"appId":"a","version":1}}"#]);
        assert_eq!((entry.added_files, entry.added_rows, entry.removed_rows), (0, Some(0), Some(0)));
    }
}
