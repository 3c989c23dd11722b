//! A table that is looked at again and again: how large it is, reading only what was committed since the last look.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use objects::{Client, ObjectStore, S3Location};
use tokio::time::Instant;

use crate::LakeError;
use crate::log::actions::{Add, DeletionVector, FileLine};
use crate::log::{LogReader, commit_path};
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

/// A table that is watched.
#[derive(Debug)]
pub struct TableWatch {
    store: ObjectStore,
    /// Rows and bytes by file.
    files: HashMap<(String, Option<DeletionVector>), (u64, u64)>,
    last: Option<(i64, DateTime<Utc>)>,
}

impl TableWatch {
    /// The table at `location`, which need not be there yet.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        Self { store: ObjectStore::new(client, location), files: HashMap::new(), last: None }
    }

    /// How large the table is now; `None` where there is none. The first look reads the log, each later one the commits
    /// since.
    pub async fn look(&mut self, deadline: Instant) -> Result<Option<TableSize>, LakeError> {
        let looked = self.catch_up(deadline).await;
        if looked.is_err() {
            // What was taken in half must not be counted on.
            (self.files, self.last) = (HashMap::new(), None);
        }
        let Some((version, last_commit)) = looked? else { return Ok(None) };
        let sum = |value: fn(&(u64, u64)) -> u64| self.files.values().map(value).sum();
        let (rows, bytes) = (sum(|file| file.0), sum(|file| file.1));
        Ok(Some(TableSize { version, rows, files: self.files.len(), bytes, last_commit }))
    }

    async fn catch_up(&mut self, deadline: Instant) -> Result<Option<(i64, DateTime<Utc>)>, LakeError> {
        let store = self.store.clone();
        let log = LogReader { store: &store, deadline };
        let mut version = match self.last {
            Some((version, _)) => version,
            None => match self.read_all(&log).await? {
                Some(version) => version,
                None => return Ok(None),
            },
        };
        while let Some(lines) = log.commit::<FileLine>(version + 1).await? {
            self.take(lines);
            version += 1;
        }
        match self.last {
            Some((seen, _)) if seen == version => {}
            _ => {
                let newest = self.store.head(&commit_path(version), deadline).await?;
                let newest = newest.ok_or_else(|| log.moved("its newest commit is gone"))?;
                self.last = Some((version, newest.modified));
            }
        }
        Ok(self.last)
    }

    async fn read_all(&mut self, log: &LogReader<'_>) -> Result<Option<i64>, LakeError> {
        let segment = log.segment().await?;
        let Some(version) = segment.version() else { return Ok(None) };
        log.replay(&segment, |lines| self.take(lines)).await?;
        Ok(Some(version))
    }

    /// Takes in the lines of a commit or a checkpoint.
    fn take(&mut self, lines: Vec<FileLine>) {
        // Within a commit the order of its lines means nothing: what it removes was there before it.
        for remove in lines.iter().filter_map(|line| line.remove.as_ref()) {
            self.files.remove(&(remove.path.clone(), remove.deletion_vector.clone()));
        }
        for line in lines {
            if let Some(Add { path, deletion_vector, size, stats, .. }) = line.add {
                let counted = stats.and_then(|stats| serde_json::from_str::<Counted>(&stats).ok());
                let rows = counted.and_then(|counted| counted.num_records).unwrap_or(0);
                let deleted = deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
                let rows = rows.saturating_sub(deleted.try_into().unwrap_or(0));
                self.files.insert((path, deletion_vector), (rows, size.try_into().unwrap_or(0)));
            }
        }
    }
}
