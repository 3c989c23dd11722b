//! A table that is looked at again and again: how large it is, reading only what was committed since the last look.

use chrono::{DateTime, Utc};
use s3::{Client, ObjectStore, S3Location};
use tokio::time::{Duration, Instant};

use crate::LakeError;
use crate::log::actions::{Add, FileActions, Files, apply};
use crate::log::{LogReader, Replay, checkpoint::Detail, commit_path};
use crate::snapshot::Counted;

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The newest version.
    pub version: i64,
    /// Rows, as far as the files' statistics know.
    pub rows: u64,
    /// Data files.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// When the newest version was committed, by the store's clock.
    pub last_commit: DateTime<Utc>,
}

/// After this long without a look, a version that is not there may have been cleaned up and not be new.
const TRUSTED: Duration = Duration::from_mins(15);

/// A table that is watched.
#[derive(Debug)]
pub struct TableWatch {
    store: ObjectStore,
    /// Rows and bytes by file.
    files: Files<(u64, u64)>,
    progress: Progress,
    /// The version and time of the last look that came to its end.
    last: Option<(i64, DateTime<Utc>)>,
    looked_at: Instant,
}

/// How far the log was taken in. It moves on together with `files`, so that a look may be cut off anywhere.
#[derive(Debug)]
enum Progress {
    /// Nothing was read.
    Start,
    /// The first look was cut off.
    First(Replay),
    /// This is the version that was taken in last.
    Version(i64),
}

impl TableWatch {
    /// The table at `location`, which need not be there yet.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        let (store, files) = (ObjectStore::new(client, location), Files::new());
        Self { store, files, progress: Progress::Start, last: None, looked_at: Instant::now() }
    }

    /// How large the table is now; `None` where there is none. The first look reads the log, each later one the commits
    /// since. A look that the deadline cuts off is not lost: the next one goes on where it stopped.
    pub async fn look(&mut self, deadline: Instant) -> Result<Option<TableSize>, LakeError> {
        let mut looked = self.catch_up(deadline).await;
        if matches!(looked, Err(LakeError::Moved { .. })) {
            // Checkpointed and cleaned up meanwhile: what was read belongs to versions that are gone.
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

    fn start_again(&mut self) {
        (self.files, self.progress, self.last) = (Files::new(), Progress::Start, None);
    }

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

/// Takes in the actions of a commit or of a piece of a checkpoint: of each file its rows and bytes.
fn take(files: &mut Files<(u64, u64)>, actions: FileActions) {
    apply(files, actions.removes, actions.adds, |Add { deletion_vector, size, stats, .. }| {
        let counted = stats.and_then(|stats| serde_json::from_str::<Counted>(&stats).ok());
        let rows = counted.and_then(|counted| counted.num_records).unwrap_or(0);
        let deleted = deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
        (rows.saturating_sub(deleted.try_into().unwrap_or(0)), size.try_into().unwrap_or(0))
    });
}
