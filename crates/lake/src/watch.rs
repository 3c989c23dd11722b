//! Observes the size of a table. Each look reads only the commits since the last one.

use chrono::{DateTime, Utc};
use s3::{Client, ObjectStore, S3Location};
use tokio::time::{Duration, Instant};

use crate::LakeError;
use crate::log::actions::{Add, FileActions, Files, apply};
use crate::log::{LogReader, Replay, checkpoint::Detail, commit_path};
use crate::snapshot::Counted;

/// The size of a table at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The newest version of the table.
    pub version: i64,
    /// The number of rows. Files without statistics count as 0.
    pub rows: u64,
    /// The number of active data files.
    pub files: usize,
    /// The total size of the data files, in bytes.
    pub bytes: u64,
    /// When the newest version was committed, by the clock of the object store.
    pub last_commit: DateTime<Utc>,
}

/// After this time without a look, the log may have been cleaned up. A missing commit then does not prove that the
/// known version is the newest.
const TRUSTED: Duration = Duration::from_mins(15);

/// A table whose size is observed.
#[derive(Debug)]
pub struct TableWatch {
    store: ObjectStore,
    /// The rows and bytes of each active file.
    files: Files<(u64, u64)>,
    /// How far `files` is.
    progress: Progress,
    /// The version of the last complete look, and its commit time.
    last: Option<(i64, DateTime<Utc>)>,
    /// When the last look ended.
    looked_at: Instant,
}

/// How much of the log has been read. Changes together with `files`, so a look can be interrupted at any point.
#[derive(Debug)]
enum Progress {
    /// Nothing has been read yet.
    Start,
    /// The first look was interrupted.
    First(Replay),
    /// The commits up to this version have been read.
    Version(i64),
}

impl TableWatch {
    /// Observes the table at `location`. The table need not exist yet. Sends no request.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        let (store, files) = (ObjectStore::new(client, location), Files::new());
        Self { store, files, progress: Progress::Start, last: None, looked_at: Instant::now() }
    }

    /// Returns the table's current size, or `None` if there is no table. The first look reads the whole log, later ones
    /// read only new commits. If the deadline interrupts a look, the next one continues where it stopped.
    ///
    /// # Errors
    /// [`LakeError::Moved`] if the log was cleaned up twice during the look. After it, and after [`LakeError::Log`],
    /// the next look reads the whole log again.
    pub async fn look(&mut self, deadline: Instant) -> Result<Option<TableSize>, LakeError> {
        let mut looked = self.catch_up(deadline).await;
        if matches!(looked, Err(LakeError::Moved { .. })) {
            // The log was checkpointed and cleaned up in the meantime, so some of the actions that were read are
            // outdated.
            self.start_again();
            looked = self.catch_up(deadline).await;
        }
        if let Err(LakeError::Moved { .. } | LakeError::Log { .. }) = looked {
            self.start_again();
        }
        let Some((version, last_commit)) = looked? else { return Ok(None) };
        self.looked_at = Instant::now();
        let sum = |value: fn(&(u64, u64)) -> u64| self.files.values().map(value).sum();
        let (rows, bytes) = (sum(|file| file.0), sum(|file| file.1));
        Ok(Some(TableSize { version, rows, files: self.files.len(), bytes, last_commit }))
    }

    /// Forgets everything that was read.
    fn start_again(&mut self) {
        (self.files, self.progress, self.last) = (Files::new(), Progress::Start, None);
    }

    /// Reads the commits since the last look. Returns the newest version and its commit time.
    async fn catch_up(&mut self, deadline: Instant) -> Result<Option<(i64, DateTime<Utc>)>, LakeError> {
        let store = self.store.clone();
        let log = LogReader { store: &store, deadline };
        if matches!(self.progress, Progress::Start) {
            let segment = log.segment().await?;
            if segment.version().is_none() {
                return Ok(None);
            }
            self.progress = Progress::First(Replay::of(&segment));
        }
        if let Progress::First(replay) = &mut self.progress {
            let files = &mut self.files;
            log.replay(replay, Detail::Size, |actions| take(files, actions)).await?;
            self.progress = Progress::Version(replay.end() - 1);
        }
        let Progress::Version(mut version) = self.progress else { return Ok(self.last) };
        while let Some(actions) = log.file_actions(version + 1).await? {
            take(&mut self.files, actions);
            version += 1;
            self.progress = Progress::Version(version);
        }
        let asleep = self.looked_at.elapsed() > TRUSTED;
        match self.last {
            Some((seen, _)) if seen == version && !asleep => {}
            _ => {
                let newest = self.store.head(&commit_path(version), deadline).await?;
                let newest = newest.ok_or_else(|| log.moved("its newest commit is gone"))?;
                self.last = Some((version, newest.modified));
            }
        }
        Ok(self.last)
    }
}

/// Applies the actions of a commit, or of a part of a checkpoint. Keeps the rows and bytes of each file; rows that a
/// deletion vector deletes do not count.
fn take(files: &mut Files<(u64, u64)>, actions: FileActions) {
    apply(files, actions.removes, actions.adds, |Add { deletion_vector, size, stats, .. }| {
        let counted = stats.and_then(|stats| serde_json::from_str::<Counted>(&stats).ok());
        let rows = counted.and_then(|counted| counted.num_records).unwrap_or(0);
        let deleted = deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
        (rows.saturating_sub(deleted.try_into().unwrap_or(0)), size.try_into().unwrap_or(0))
    });
}
