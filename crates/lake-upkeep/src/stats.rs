//! Figures that show which maintenance a table needs.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use lake::{
    LakeError,
    upkeep::{FOLDER, LogName, commit_path, is_small, rows},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    Keeper, Reading,
    actions::Add,
    checkpoint::length,
    files::{DataObjects, Named},
    state::State,
};

/// The largest number of attempts to read the log, if it is cleaned up while it is being read.
const TRIES: u32 = 4;

/// The size and state of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// The newest version of the table.
    pub version: i64,
    /// When the newest version was committed, by the clock of the object store.
    pub committed: Option<DateTime<Utc>>,
    /// The number of rows in the newest version. `None` if the statistics of a file do not contain it.
    pub rows: Option<u64>,
    /// The number of partitions that have files.
    pub partitions: u64,
    /// The number of data files in the newest version.
    pub files: u64,
    /// The size of these files, in bytes.
    pub bytes: u64,
    /// The median size of these files, in bytes.
    pub median_bytes: u64,
    /// The number of files that a compaction could still merge.
    pub small_files: u64,
    /// The number of data files on S3 that are not part of the newest version. A vacuum deletes them after the
    /// retention. Some may belong to a commit that is being written.
    pub unneeded_files: u64,
    /// The size of the unneeded files, in bytes.
    pub unneeded_bytes: u64,
    /// The number of app transactions, which hold the writers' positions.
    pub app_transactions: u64,
    /// The version of the newest checkpoint. `None` if there is none.
    pub checkpoint: Option<i64>,
    /// The number of commits after the newest checkpoint.
    pub commits_since: u64,
    /// The number of files in the log's folder.
    pub log_files: u64,
    /// The size of the log's files, in bytes.
    pub log_bytes: u64,
    /// The version of the oldest commit in the log.
    pub log_from: Option<i64>,
    /// When the oldest file of the log was written, by the clock of the object store.
    pub log_since: Option<DateTime<Utc>>,
}

impl Keeper {
    /// Reads the log and lists the table's objects. `capacity` is the target size of compacted files, in bytes.
    ///
    /// # Errors
    /// [`LakeError::Moved`] if the log was cleaned up during each attempt, or if it is too long to be read before the
    /// deadline. In the second case, write a checkpoint first.
    pub async fn stats(&self, capacity: u64, deadline: Instant) -> Result<Stats, LakeError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.stats_once(capacity, deadline).await {
                Err(LakeError::Moved { .. }) if tries < TRIES && Instant::now() < deadline => {}
                done => return done,
            }
        }
    }

    /// Computes the figures once. Fails with [`LakeError::Moved`] if the log is cleaned up meanwhile.
    async fn stats_once(&self, capacity: u64, deadline: Instant) -> Result<Stats, LakeError> {
        let reading = self.read_whole(deadline).await?;
        let Reading { segment, state: table, .. } = reading;
        let mut stats = Stats {
            version: table.version,
            app_transactions: table.txns.len() as u64,
            checkpoint: segment.checkpoint.as_ref().map(|(version, _)| *version),
            commits_since: length(&segment),
            ..Stats::default()
        };
        stats.take_files(&table, capacity);
        self.list_objects(&table, &mut stats, deadline).await?;
        self.list_log(&mut stats, deadline).await?;
        Ok(stats)
    }

    /// Returns the number of files and bytes of the newest version. Does not list the table's objects.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table; [`LakeError::Moved`] if the log cannot be read completely
    /// before the deadline.
    pub async fn size(&self, deadline: Instant) -> Result<(u64, u64), LakeError> {
        let reading = self.read_whole(deadline).await?;
        let files = reading.state.files.values();
        Ok(files.fold((0, 0), |(files, bytes), add| (files + 1, bytes + add.bytes())))
    }

    /// Counts the data files that the newest version does not name.
    async fn list_objects(
        &self,
        table: &State,
        stats: &mut Stats,
        deadline: Instant,
    ) -> Result<(), LakeError> {
        let named = Named::of_newest(table, &self.store);
        let mut objects = DataObjects::new(&self.store, table);
        while let Some(page) = objects.next(deadline).await? {
            for object in page.iter().filter(|object| !named.contains(&object.path)) {
                stats.unneeded_files += 1;
                stats.unneeded_bytes += object.version.size;
            }
        }
        Ok(())
    }

    /// Counts the files of the log.
    async fn list_log(&self, stats: &mut Stats, deadline: Instant) -> Result<(), LakeError> {
        let newest = commit_path(stats.version);
        let mut after = FOLDER.to_owned();
        loop {
            let (page, more) = self.store.list_page(FOLDER, &after, deadline).await?;
            for file in &page {
                stats.log_files += 1;
                stats.log_bytes += file.version.size;
                let written = file.version.modified;
                stats.log_since = Some(stats.log_since.map_or(written, |since| since.min(written)));
                if file.path == newest {
                    stats.committed = Some(written);
                }
                let name = file.path.strip_prefix(FOLDER).and_then(LogName::parse);
                if let (None, Some(LogName::Commit(version))) = (stats.log_from, name) {
                    stats.log_from = Some(version);
                }
            }
            match page.last() {
                Some(last) if more => after.clone_from(&last.path),
                _ => return Ok(()),
            }
        }
    }
}

impl Stats {
    /// Computes the figures of the active files.
    fn take_files(&mut self, table: &State, capacity: u64) {
        let mut sizes: Vec<u64> = table.files.values().map(Add::bytes).collect();
        sizes.sort_unstable();
        self.files = sizes.len() as u64;
        self.bytes = sizes.iter().sum();
        self.median_bytes = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
        let small = |add: &&Add| add.deletion_vector.is_none() && is_small(&add.path, add.bytes(), capacity);
        self.small_files = table.files.values().filter(small).count() as u64;
        self.partitions =
            table.files.values().map(|add| &add.partition_values).collect::<HashSet<_>>().len() as u64;
        self.rows = table.files.values().map(rows_of).sum();
    }
}

/// The number of rows in a file, without deleted ones. `None` if the statistics do not contain it.
fn rows_of(add: &Add) -> Option<u64> {
    let deleted = add.deletion_vector.as_ref().map_or(0, |vector| vector.cardinality);
    Some(rows(add.stats.as_deref()?)?.saturating_sub(u64::try_from(deleted).unwrap_or(0)))
}
