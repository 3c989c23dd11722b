//! Parts of the log for the maintenance of a table: names, segments, paths, and the check whether maintenance is
//! allowed.

use std::ops::Range;

use s3::{Listed, ObjectStore};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    LakeError,
    log::{LogReader, actions, properties, protocol},
    partition,
    schema::DeltaStruct,
    snapshot::Counted,
};

pub use crate::compaction::is_small;
pub use crate::log::{
    FOLDER, LogName,
    actions::{DeletionVector, Sidecar, Txn, parse},
    commit_path, whole,
};

/// The newest complete checkpoint and the commits after it. Together they make up the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSegment {
    /// The checkpoint's version and its files (several for a multi-part checkpoint). `None` if there is no checkpoint.
    pub checkpoint: Option<(i64, Vec<String>)>,
    /// The versions of the commits after the checkpoint.
    pub commits: Range<i64>,
    /// The checkpoint version that `_last_checkpoint` names. It can be an older checkpoint, or one that was deleted.
    pub hint: Option<i64>,
}

/// Finds the log segment of the newest version. Returns `None` if there is no table.
///
/// # Errors
/// [`LakeError::Moved`] if a version is missing between others. A retry helps if the log was being cleaned up.
pub async fn segment(store: &ObjectStore, deadline: Instant) -> Result<Option<LogSegment>, LakeError> {
    let (segment, hint) = LogReader { store, deadline }.segment_and_hint().await?;
    if segment.version().is_none() {
        return Ok(None);
    }
    let paths = |files: Vec<Listed>| files.into_iter().map(|file| file.path).collect();
    let checkpoint = segment.checkpoint.map(|(version, files)| (version, paths(files)));
    Ok(Some(LogSegment { checkpoint, commits: segment.commits, hint }))
}

/// Converts a path in the log to a relative S3 key. Returns `None` if the decoded path is not UTF-8.
#[must_use]
pub fn key_of(path: &str) -> Option<String> {
    partition::from_uri(path)
}

/// The number of rows of a data file, by the statistics of its `add` action. `None` if they do not contain it.
#[must_use]
pub fn rows(stats: &str) -> Option<u64> {
    serde_json::from_str::<Counted>(stats).ok()?.num_records
}

/// Checks whether this crate may maintain a table. It must support everything that the table requires of a writer.
/// `protocol` and `metadata` are the table's newest actions.
///
/// # Errors
/// [`LakeError::Unsupported`] with the list of unsupported features; [`LakeError::Log`] if an action cannot be parsed.
pub fn check(table: &str, protocol: &Value, metadata: &Value) -> Result<(), LakeError> {
    let damaged = |file: &str, reason: String| LakeError::Log {
        table: table.to_owned(),
        file: file.to_owned(),
        reason,
    };
    let protocol: actions::Protocol =
        serde_json::from_value(protocol.clone()).map_err(|e| damaged("protocol", e.to_string()))?;
    let metadata: actions::Metadata =
        serde_json::from_value(metadata.clone()).map_err(|e| damaged("metaData", e.to_string()))?;
    let schema = DeltaStruct::parse(&metadata.schema_string)
        .map_err(|e| damaged("metaData", format!("schemaString: {e}")))?;
    let mut against = protocol::against_appending(&protocol, &metadata, &schema);
    let properties = properties::against_appending(&metadata.configuration);
    against.extend(properties.into_iter().map(|(key, reason)| format!("property {key} ({reason})")));
    if against.is_empty() {
        return Ok(());
    }
    let features = against.join(", ");
    Err(LakeError::Unsupported { table: table.to_owned(), features, purpose: "maintenance" })
}
