//! Writes checkpoints: V1, in one Parquet file, together with the version's checksum file.

use std::time::Duration;

use arrow_json::ReaderBuilder;
use bytes::Bytes;
use chrono::Utc;
use lake::{
    LakeError,
    upkeep::{FOLDER, LogSegment},
};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        reader::{FileReader, SerializedFileReader},
    },
};
use s3::PutIfAbsent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Keeper, actions::Row, checksum, columns, log::Log, state::State};

/// The number of rows that are converted to columns at a time.
const CHUNK: usize = 4_096;
/// The number of rows in a row group. A reader decodes a row group as a whole.
const ROW_GROUP: usize = 64 * 1024;

/// The result of [`Keeper::checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpointed {
    /// The version of the newest checkpoint. `None` if there is none.
    pub version: Option<i64>,
    /// Whether this call wrote it.
    pub made: bool,
    /// The number of commits after the checkpoint. If the call wrote a checkpoint and this is not 0, the log was too
    /// long for the deadline. Call again.
    pub commits_since: u64,
    /// The number of data files in the checkpoint, if this call wrote it.
    pub files: u64,
    /// The size of the checkpoint in bytes, if this call wrote it.
    pub bytes: u64,
}

/// The content of `_last_checkpoint`, which tells readers where to start.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hint {
    version: i64,
    /// The number of rows in the checkpoint, not of bytes.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_of_add_files: Option<u64>,
}

/// A checkpoint in memory.
struct Written {
    body: Bytes,
    rows: u64,
}

impl Checkpointed {
    /// The result of a call that wrote no checkpoint.
    fn of(segment: &LogSegment) -> Self {
        let version = segment.checkpoint.as_ref().map(|(version, _)| *version);
        Self { version, made: false, commits_since: length(segment), files: 0, bytes: 0 }
    }
}

impl Keeper {
    /// Returns the newest checkpoint. Writes nothing.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table.
    pub async fn newest_checkpoint(&self, deadline: Instant) -> Result<Checkpointed, LakeError> {
        let segment = Log { store: &self.store, deadline }.segment().await?;
        Ok(Checkpointed::of(&segment))
    }

    /// Writes a checkpoint if there are `every` or more commits after the newest one.
    ///
    /// If the log is too long to be read before `deadline`, the checkpoint is written for an earlier version, and the
    /// next call continues from it.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table; [`LakeError::Unsupported`] if the table requires something that
    /// this crate does not support; [`LakeError::Moved`] if the log was cleaned up during the call.
    pub async fn checkpoint(&self, every: u64, deadline: Instant) -> Result<Checkpointed, LakeError> {
        let log = Log { store: &self.store, deadline };
        let segment = log.segment().await?;
        let newest = segment.commits.end - 1;
        let known = Checkpointed::of(&segment);
        if known.commits_since < every.max(1) {
            self.repair_hint(&log, &segment).await?;
            return Ok(known);
        }
        let now = Instant::now();
        let stop = now + deadline.saturating_duration_since(now).mul_f64(0.6);
        let mut state = log.replay(&segment, stop).await?;
        state.expire(Utc::now().timestamp_millis() - millis(self.keep_removed));
        let metadata = filled(&state.metadata);
        let written = encode(&state, &metadata).map_err(|source| LakeError::Parquet {
            context: format!("checkpoint of {}, version {}", log.table(), state.version),
            source,
        })?;
        let (files, bytes) = (state.files.len() as u64, written.body.len() as u64);
        // If another keeper has written this checkpoint, it holds the same state. It is not replaced, because a reader
        // may be using it.
        let put = self.store.put_if_absent(&path(state.version), written.body, deadline).await?;
        let hint = match put {
            PutIfAbsent::Written => Hint {
                version: state.version,
                size: written.rows,
                size_in_bytes: Some(bytes),
                num_of_add_files: Some(files),
            },
            PutIfAbsent::Lost => self.hint_of(&log, state.version).await?,
        };
        self.put_checksum(&state, &metadata, deadline).await?;
        self.advance_hint(hint, deadline).await?;
        let commits_since = u64::try_from(newest - state.version).unwrap_or(0);
        Ok(Checkpointed { version: Some(state.version), made: true, commits_since, files, bytes })
    }

    /// Writes the version's checksum file. If another writer has already written it, that one stays.
    async fn put_checksum(
        &self,
        state: &State,
        metadata: &Value,
        deadline: Instant,
    ) -> Result<(), LakeError> {
        let body = checksum::encode(state, metadata).map_err(|e| LakeError::Plan {
            table: self.store.location().to_string(),
            reason: format!("the checksum of version {}: {e}", state.version),
        })?;
        self.store.put_if_absent(&checksum::path(state.version), body.into(), deadline).await?;
        Ok(())
    }

    /// Writes `_last_checkpoint`, unless it already names this or a newer checkpoint.
    async fn advance_hint(&self, hint: Hint, deadline: Instant) -> Result<(), LakeError> {
        if self.hint_leads_to(hint.version, deadline).await? {
            return Ok(());
        }
        let body = serde_json::to_vec(&hint).map_err(|e| LakeError::Plan {
            table: self.store.location().to_string(),
            reason: format!("_last_checkpoint: {e}"),
        })?;
        Ok(self.store.put(&hint_path(), body.into(), deadline).await?)
    }

    /// Whether `_last_checkpoint` names this checkpoint or a newer one that exists.
    async fn hint_leads_to(&self, version: i64, deadline: Instant) -> Result<bool, LakeError> {
        let Some(known) = self.hinted(deadline).await? else { return Ok(false) };
        if known <= version {
            return Ok(known == version);
        }
        // The newer checkpoint can be missing, for example after a restore of the table. Then many readers find no
        // table at all.
        let prefix = format!("{FOLDER}{known:020}.checkpoint.");
        let (page, _) = self.store.list_page(&prefix, "", deadline).await?;
        Ok(!page.is_empty())
    }

    /// The version that `_last_checkpoint` names. `None` if it is missing or damaged.
    async fn hinted(&self, deadline: Instant) -> Result<Option<i64>, LakeError> {
        let body = self.store.get(&hint_path(), deadline).await?;
        Ok(body.and_then(|body| serde_json::from_slice::<Hint>(&body).ok()).map(|hint| hint.version))
    }

    /// Writes `_last_checkpoint` if it is missing, damaged, or names no checkpoint. A keeper can be stopped before it
    /// writes the file. Only done for single-file checkpoints as this module writes them.
    async fn repair_hint(&self, log: &Log<'_>, segment: &LogSegment) -> Result<(), LakeError> {
        let Some((version, paths)) = &segment.checkpoint else { return Ok(()) };
        if paths.as_slice() != [path(*version)] {
            return Ok(());
        }
        if segment.hint == Some(*version) || self.hint_leads_to(*version, log.deadline).await? {
            return Ok(());
        }
        let hint = self.hint_of(log, *version).await?;
        self.advance_hint(hint, log.deadline).await
    }

    /// Builds `_last_checkpoint` for a checkpoint that is on S3 already. Reads the checkpoint to make sure that it is
    /// complete.
    async fn hint_of(&self, log: &Log<'_>, version: i64) -> Result<Hint, LakeError> {
        let body = self.store.get(&path(version), log.deadline).await?;
        let body = body.ok_or_else(|| log.moved("its newest checkpoint is gone"))?;
        let size_in_bytes = Some(body.len() as u64);
        let read =
            SerializedFileReader::new(body).map_err(|e| log.damaged(&path(version), &e.to_string()))?;
        let size = u64::try_from(read.metadata().file_metadata().num_rows()).unwrap_or(0);
        Ok(Hint { version, size, size_in_bytes, num_of_add_files: None })
    }
}

/// The path of a single-file checkpoint: `_delta_log/<20 digits>.checkpoint.parquet`.
fn path(version: i64) -> String {
    format!("{FOLDER}{version:020}.checkpoint.parquet")
}

/// The path of the file that tells readers where to start.
fn hint_path() -> String {
    format!("{FOLDER}_last_checkpoint")
}

/// The number of commits after the checkpoint.
pub(crate) fn length(segment: &LogSegment) -> u64 {
    u64::try_from(segment.commits.end - segment.commits.start).unwrap_or(0)
}

/// The duration in milliseconds, capped so that it can be subtracted from a time.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

/// Encodes a checkpoint of the state as a Parquet file.
fn encode(state: &State, metadata: &Value) -> Result<Written, ParquetError> {
    let schema = columns::schema();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
    let mut decoder = ReaderBuilder::new(schema).with_batch_size(CHUNK).build_decoder()?;
    let mut all = std::iter::once(Row { protocol: Some(&state.protocol), ..Row::default() })
        .chain(std::iter::once(Row { meta_data: Some(metadata), ..Row::default() }))
        .chain(state.txns.values().map(|txn| Row { txn: Some(txn), ..Row::default() }))
        .chain(state.files.values().map(|add| Row { add: Some(add), ..Row::default() }))
        .chain(state.removed.values().map(|remove| Row { remove: Some(remove), ..Row::default() }));
    let mut rows = 0;
    loop {
        let chunk: Vec<Row<'_>> = all.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        rows += chunk.len() as u64;
        decoder.serialize(&chunk)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
    }
    Ok(Written { body: writer.into_inner()?.into(), rows })
}

/// Adds the required collections to the metadata. Some writers leave them out if they are empty.
fn filled(metadata: &Value) -> Value {
    let mut filled = metadata.clone();
    let empty = [
        ("/partitionColumns", json!([])),
        ("/configuration", json!({})),
        ("/format", json!({"provider": "parquet"})),
        ("/format/options", json!({})),
    ];
    for (place, value) in empty {
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(parent)) = filled.pointer_mut(parent) {
            let found = parent.entry(name).or_insert(Value::Null);
            if found.is_null() {
                *found = value;
            }
        }
    }
    filled
}
