//! The log as maintenance needs it: names, segments, paths, and the rules for what may be touched.

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

/// The newest complete checkpoint and the commits after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSegment {
    /// The checkpoint's version and files (several when it is in parts).
    pub checkpoint: Option<(i64, Vec<String>)>,
    /// The versions after the checkpoint.
    pub commits: Range<i64>,
    /// The version of the checkpoint that `_last_checkpoint` names. It may be an older one, or one that is gone.
    pub hint: Option<i64>,
}

/// What makes up the newest version of the table; `None` where there is no table.
pub async fn segment(store: &ObjectStore, deadline: Instant) -> Result<Option<LogSegment>, LakeError> {
    let (segment, hint) = LogReader { store, deadline }.segment_and_hint().await?;
    if segment.version().is_none() {
        return Ok(None);
    }
    let paths = |files: Vec<Listed>| files.into_iter().map(|file| file.path).collect();
    let checkpoint = segment.checkpoint.map(|(version, files)| (version, paths(files)));
    Ok(Some(LogSegment { checkpoint, commits: segment.commits, hint }))
}

/// The relative S3 key of a path in the log; `None` where it is not UTF-8.
#[must_use]
pub fn key_of(path: &str) -> Option<String> {
    partition::from_uri(path)
}

/// Rows of a data file, by the statistics in its `add`; `None` where they do not say.
#[must_use]
pub fn rows(stats: &str) -> Option<u64> {
    serde_json::from_str::<Counted>(stats).ok()?.num_records
}

/// Whether this crate may maintain a table: it must know everything that the table asks of a writer. `protocol` and
/// `metadata` are the table's newest actions.
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
