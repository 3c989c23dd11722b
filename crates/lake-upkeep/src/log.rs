//! Reads the log, one file at a time.
//!
//! Checkpoints are read here row by row with all fields, because what is read is written again. The crate `lake` has a
//! second reader, which reads column by column. It reads only what writers and readers of a table need: no removals, no
//! tags, no times of app transactions, no `dataChange`. The other fields would make every function that reads a table
//! larger, so there are two readers.
//!
//! Speed is not the reason. A checkpoint of 20,001 files made from a checkpoint of 20,000 takes 0.16 s and 25 MB, the
//! same as one made from JSON commits (`examples/checkpoint_many.rs`, on two cores, with the emulator).

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use lake::{
    LakeError,
    upkeep::{FOLDER, LogSegment, Sidecar, commit_path, parse},
};
use parquet::{
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    record::reader::RowIter,
    schema::types::{Type, TypePtr},
};
use s3::ObjectStore;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{actions::Line, state::State};

/// The number of requests at the same time.
const CONCURRENT: usize = 16;
/// The columns of a checkpoint that are read. Other columns are dropped.
const KINDS: [&str; 6] = ["protocol", "metaData", "txn", "add", "remove", "sidecar"];

/// Reads the log of one table until a deadline.
pub(crate) struct Log<'a> {
    pub(crate) store: &'a ObjectStore,
    pub(crate) deadline: Instant,
}

impl Log<'_> {
    /// Returns the log segment of the newest version.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table.
    pub(crate) async fn segment(&self) -> Result<LogSegment, LakeError> {
        let segment = lake::upkeep::segment(self.store, self.deadline).await?;
        segment.ok_or_else(|| LakeError::NoTable { table: self.table() })
    }

    /// Returns the state of the segment's newest version. If the time `stop` passes, returns the state of the version
    /// reached.
    pub(crate) async fn replay(&self, segment: &LogSegment, stop: Instant) -> Result<State, LakeError> {
        let mut state = State::new(segment.commits.start - 1);
        if let Some((version, paths)) = &segment.checkpoint {
            self.take_checkpoint(*version, paths, &mut state).await?;
        }
        // Boxed, because the compiler cannot prove that the nested future is `Send`.
        let one = |version| async move { Ok::<_, LakeError>((version, self.listed(version).await?)) }.boxed();
        let mut commits = stream::iter(segment.commits.clone()).map(one).buffered(CONCURRENT);
        while let Some((version, lines)) = commits.try_next().await? {
            state.take(version, lines);
            if Instant::now() >= stop {
                break;
            }
        }
        drop(commits);
        state.check(&self.table())?;
        Ok(state)
    }

    /// Applies the rows of a checkpoint and of its sidecars.
    async fn take_checkpoint(
        &self,
        version: i64,
        paths: &[String],
        state: &mut State,
    ) -> Result<(), LakeError> {
        let mut sidecars = Vec::new();
        for path in paths {
            sidecars.extend(self.checkpoint_file(path, |line| state.take(version, vec![line])).await?);
        }
        for Sidecar { path } in sidecars {
            let path = format!("{FOLDER}_sidecars/{path}");
            self.checkpoint_file(&path, |line| state.take(version, vec![line])).await?;
        }
        Ok(())
    }

    /// Reads a file of a checkpoint completely and passes its lines to `take`. Returns the sidecars that it names.
    pub(crate) async fn checkpoint_file(
        &self,
        path: &str,
        mut take: impl FnMut(Line),
    ) -> Result<Vec<Sidecar>, LakeError> {
        let body = self.store.get(path, self.deadline).await?;
        let body = body.ok_or_else(|| self.moved(&format!("{path} was listed and is gone")))?;
        let mut sidecars = Vec::new();
        let mut each = |mut line: Line| {
            sidecars.extend(line.sidecar.take());
            take(line);
        };
        if path.to_ascii_lowercase().ends_with(".json") {
            parse(&body).map_err(|e| self.damaged(path, &e.to_string()))?.into_iter().for_each(&mut each);
            return Ok(sidecars);
        }
        for row in rows(body).map_err(|e| self.damaged(path, &e.to_string()))? {
            let row = row.map_err(|e| self.damaged(path, &e.to_string()))?;
            let line = serde_json::from_value(row.to_json_value());
            each(line.map_err(|e| self.damaged(path, &e.to_string()))?);
        }
        Ok(sidecars)
    }

    /// Reads the lines of a commit. Returns `None` if the version does not exist.
    pub(crate) async fn commit<L: DeserializeOwned>(
        &self,
        version: i64,
    ) -> Result<Option<Vec<L>>, LakeError> {
        let path = commit_path(version);
        let Some(body) = self.store.get(&path, self.deadline).await? else { return Ok(None) };
        parse(&body).map(Some).map_err(|e| self.damaged(&path, &e.to_string()))
    }

    /// Reads a commit that was listed. [`LakeError::Moved`] if it does not exist any more.
    async fn listed(&self, version: i64) -> Result<Vec<Line>, LakeError> {
        let lines = self.commit(version).await?;
        lines.ok_or_else(|| self.moved(&format!("version {version} was listed and is gone")))
    }

    /// The table's address, for errors.
    pub(crate) fn table(&self) -> String {
        self.store.location().to_string()
    }

    /// The error for a file of the log that cannot be parsed.
    pub(crate) fn damaged(&self, file: &str, reason: &str) -> LakeError {
        LakeError::Log { table: self.table(), file: file.to_owned(), reason: reason.to_owned() }
    }

    /// The error for a log that changed while it was read.
    pub(crate) fn moved(&self, reason: &str) -> LakeError {
        LakeError::Moved { table: self.table(), reason: reason.to_owned() }
    }
}

/// Iterates over the rows of a Parquet checkpoint, with only the columns in [`KINDS`].
fn rows(body: Bytes) -> Result<RowIter<'static>, ParquetError> {
    let reader = SerializedFileReader::new(body)?;
    let root = reader.metadata().file_metadata().schema();
    let wanted = root.get_fields().iter().filter(|field| KINDS.contains(&field.name())).map(narrow);
    let wanted =
        Type::group_type_builder(root.name()).with_fields(wanted.collect::<Result<_, _>>()?).build()?;
    RowIter::from_file_into(Box::new(reader)).project(Some(wanted))
}

/// Drops the columns that repeat the JSON statistics. Fails if there are no JSON statistics, because a new checkpoint
/// would lose the statistics.
fn narrow(action: &TypePtr) -> Result<TypePtr, ParquetError> {
    let has = |name: &str| action.get_fields().iter().any(|field| field.name() == name);
    if !action.is_group() {
        return Ok(action.clone());
    }
    if has("stats_parsed") && !has("stats") {
        let reason = "it has statistics as columns only; set delta.checkpoint.writeStatsAsJson to true";
        return Err(ParquetError::General(reason.to_owned()));
    }
    let kept = |field: &&TypePtr| !["stats_parsed", "partitionValues_parsed"].contains(&field.name());
    let info = action.get_basic_info();
    let narrowed = Type::group_type_builder(action.name())
        .with_repetition(info.repetition())
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(info.has_id().then(|| info.id()))
        .with_fields(action.get_fields().iter().filter(kept).cloned().collect())
        .build()?;
    Ok(narrowed.into())
}
