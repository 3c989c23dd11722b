//! Figures that say what a table needs.

use chrono::{DateTime, Utc};
use lake::{LakeError, upkeep::FOLDER};
use tokio::time::Instant;

use crate::{
    Keeper,
    checkpoint::length,
    files::{DataObjects, Named},
    log::Log,
};

/// How a table stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// The newest version.
    pub version: i64,
    /// The version of the newest checkpoint.
    pub checkpoint: Option<i64>,
    /// Commits after it.
    pub commits_since: u64,
    /// Files in the log's folder.
    pub log_files: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// When the oldest of them was written.
    pub log_since: Option<DateTime<Utc>>,
    /// Data files of the newest version.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that are smaller than half of the target size.
    pub small_files: u64,
    /// Data files on S3 that neither the newest version nor a removal names.
    pub unnamed_files: u64,
    /// Their bytes.
    pub unnamed_bytes: u64,
}

impl Keeper {
    /// Reads the log and lists the table's objects. `target` is the wanted size of a data file in bytes.
    pub async fn stats(&self, target: u64, deadline: Instant) -> Result<Stats, LakeError> {
        let log = Log { store: &self.store, deadline };
        let segment = log.segment().await?;
        let table = log.replay(&segment, deadline).await?;
        if table.version + 1 < segment.commits.end {
            return Err(
                log.moved("its newest version was not reached before the deadline; make a checkpoint")
            );
        }
        let small = |size: i64| u64::try_from(size).unwrap_or(0) < target / 2;
        let mut stats = Stats {
            version: table.version,
            checkpoint: segment.checkpoint.as_ref().map(|(version, _)| *version),
            commits_since: length(&segment),
            files: table.files.len() as u64,
            bytes: table.bytes(),
            small_files: table.files.values().filter(|add| small(add.size)).count() as u64,
            ..Stats::default()
        };
        let named = Named::of(&table, &self.store);
        let mut objects = DataObjects::new(&self.store, &table);
        while let Some(page) = objects.next(deadline).await? {
            for object in page.iter().filter(|object| !named.contains(&object.path)) {
                stats.unnamed_files += 1;
                stats.unnamed_bytes += object.version.size;
            }
        }
        let mut after = FOLDER.to_owned();
        loop {
            let (page, more) = self.store.list_page(FOLDER, &after, deadline).await?;
            for file in &page {
                stats.log_files += 1;
                stats.log_bytes += file.version.size;
                let written = file.version.modified;
                stats.log_since = Some(stats.log_since.map_or(written, |since| since.min(written)));
            }
            match page.last() {
                Some(last) if more => after.clone_from(&last.path),
                _ => return Ok(stats),
            }
        }
    }
}
