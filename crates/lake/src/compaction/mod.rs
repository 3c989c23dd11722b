//! Compaction: replaces small files of a partition by one file with the same rows.

mod merge;
mod order;
mod plan;
mod rows;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use crate::{ActiveFile, LakeError, Rewritten, Since, Snapshot, Table};
use merge::Merge;

pub use plan::{Group, is_small};

/// The settings of a compaction run.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// The maximum size of a group: the sum of its files' current sizes, in bytes. A file of at least half this size is
    /// not compacted. The new file is built in memory.
    pub target_bytes: u64,
    /// The minimum number of small files in a partition. A partition with fewer is not compacted. Values below 2 count
    /// as 2.
    pub min_files: usize,
    /// The column by which rows are ordered: a timestamp, date or long. Without it, rows keep the order of their files.
    ///
    /// The order is coarse: rows are ordered in stretches of 65,536 rows, and each row is at or before all rows of the
    /// next stretch. In a large group, only files written one after another are ordered together, about two million
    /// rows at a time.
    pub event_time: Option<String>,
    /// A group that would probably end after this time is not started.
    pub deadline: Instant,
}

/// The result of a compaction run.
#[derive(Debug, Default)]
pub struct Compacted {
    /// The committed versions, one per group.
    pub versions: Vec<i64>,
    /// The number of files that were replaced.
    pub files_removed: usize,
    /// The size of the replaced files, in bytes.
    pub bytes_removed: u64,
    /// The number of new files.
    pub files_added: usize,
    /// The size of the new files, in bytes.
    pub bytes_added: u64,
    /// The number of rows in the new files.
    pub rows: u64,
    /// The number of commits that lost their version to another writer.
    pub lost: u32,
    /// Groups that another writer changed in the meantime. The next run plans them again.
    pub given_up: Vec<GivenUp>,
    /// Files that were not replaced, because they cannot be read or their rows do not fit the table.
    pub unfit: Vec<GivenUp>,
    /// The number of groups for which there was no time.
    pub left: usize,
    /// The error that ended the run early. Groups that were committed before it stay committed.
    pub fault: Option<LakeError>,
}

/// Files that were not replaced, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The keys of the files, relative to the table's location.
    pub files: Vec<String>,
    /// Why they were not replaced.
    pub reason: String,
}

/// A high estimate of the time for a group, for half a vCPU and wide rows. Room counts take a quarter of it.
fn duration_of(group: &Group) -> Duration {
    const BYTES_A_SECOND: u64 = 4 << 20;
    Duration::from_millis(group.bytes().saturating_mul(1000) / BYTES_A_SECOND)
}

impl GivenUp {
    /// The same reason for all of these files.
    fn of(files: &[ActiveFile], reason: String) -> Self {
        Self { files: files.iter().map(|file| file.key.clone()).collect(), reason }
    }
}

impl Compaction {
    /// Compacts the groups of [`plan`](Self::plan), one commit per group, until the deadline. The process can be
    /// stopped at any point: a group is replaced completely or not at all.
    ///
    /// # Errors
    /// Nothing was compacted: the table cannot be read or must not be written, or rows cannot be ordered by the event
    /// time. Later errors are in [`Compacted::fault`].
    pub async fn run(&self, snapshot: &Snapshot) -> Result<Compacted, LakeError> {
        let mut table = Table::of(snapshot)?;
        self.check_event_time(&table)?;
        let mut since = Since::new(snapshot);
        let mut done = Compacted::default();
        // Check whether the table can be written to, before anything is read.
        table.objection(&mut since, &[], self.deadline).await?;
        let groups = self.plan(snapshot);
        let mut longest = Duration::ZERO;
        for (at, group) in groups.iter().enumerate() {
            let begun = Instant::now();
            // A later group can be smaller and still fit.
            if begun + longest.max(duration_of(group)) >= self.deadline {
                done.left += 1;
                continue;
            }
            if let Err(fault) = self.replace(snapshot, &mut table, &mut since, group, &mut done).await {
                done.left += groups.len() - at;
                done.fault = Some(fault);
                break;
            }
            longest = longest.max(begun.elapsed());
        }
        Ok(done)
    }

    /// Merges one group and commits the result, and adds its figures to `done`. An error ends the run: it is an error
    /// of the table or of S3, not of the group.
    async fn replace(
        &self,
        snapshot: &Snapshot,
        table: &mut Table,
        since: &mut Since,
        group: &Group,
        done: &mut Compacted,
    ) -> Result<(), LakeError> {
        if let Some(reason) = table.objection(since, &group.files, self.deadline).await? {
            done.given_up.push(GivenUp::of(&group.files, reason));
            return Ok(());
        }
        let merged = Merge { compaction: self, snapshot, table, group }.run(&mut done.unfit).await;
        let (files, file) = match merged {
            Ok(Some(merged)) => merged,
            Ok(None) => return Ok(()),
            // A damaged group must not block the others.
            Err(fault @ LakeError::Parquet { .. }) => {
                done.unfit.push(GivenUp::of(&group.files, fault.to_string()));
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        let rows = file.rows as u64;
        match table.rewrite(since, &files, file, &group.kind(), self.deadline).await? {
            Rewritten::GivenUp { reason } => done.given_up.push(GivenUp::of(&files, reason)),
            Rewritten::Committed { version, bytes, lost } => {
                done.versions.push(version);
                done.files_removed += files.len();
                done.bytes_removed += files.iter().map(|file| file.size).sum::<u64>();
                done.files_added += 1;
                done.bytes_added += bytes;
                done.rows += rows;
                done.lost += lost;
            }
        }
        Ok(())
    }

    /// Fails with [`LakeError::Schema`] if rows cannot be ordered by the event time.
    fn check_event_time(&self, table: &Table) -> Result<(), LakeError> {
        let Some(column) = &self.event_time else { return Ok(()) };
        let field = table.schema().arrow().fields().find(column);
        let reason = match field {
            Some((_, field)) if order::can_order(field.data_type()) => return Ok(()),
            Some(_) => "rows can be sorted by a timestamp, a date or a long only",
            None => "the table's files have no such column; name the event time or none",
        };
        let (table, column) = (table.location().to_string(), column.clone());
        Err(LakeError::Schema { table, column, reason: reason.to_owned() })
    }
}
