//! Compaction: small files of a partition become one, with the same rows.

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

/// How a table's small files are put together.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// Small files are put together until they have this many bytes, as they are now. A file of half as many bytes or
    /// more is left alone. The new file is built in memory.
    pub target_bytes: u64,
    /// A partition with fewer small files than this is left alone; at least 2.
    pub min_files: usize,
    /// Rows are ordered by this column, where one is named: a timestamp, a date or a long. Else they stay in file order.
    /// The order is that of stretches of 65,536 rows: each row is at or before all rows of the next stretch. Of a large
    /// group, files written after each other are ordered together, some two million rows at a time.
    pub event_time: Option<String>,
    /// A group that would probably end after this is not begun.
    pub deadline: Instant,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Compacted {
    /// Versions with one group each.
    pub versions: Vec<i64>,
    /// Files that were replaced.
    pub files_removed: usize,
    /// Their bytes.
    pub bytes_removed: u64,
    /// Files that replaced them.
    pub files_added: usize,
    /// Their bytes.
    pub bytes_added: u64,
    /// Rows in them.
    pub rows: u64,
    /// Commits that lost the race for their version to another writer.
    pub lost: u32,
    /// Groups that another writer changed meanwhile. The next run plans them anew.
    pub given_up: Vec<GivenUp>,
    /// Files that stay as they are because their rows do not fit the table.
    pub unfit: Vec<GivenUp>,
    /// Groups that the run did not get to.
    pub left: usize,
    /// The fault that ended the run early. What it had committed before stays.
    pub fault: Option<LakeError>,
}

/// Files that were not replaced, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Keys below the table.
    pub files: Vec<String>,
    /// Why.
    pub reason: String,
}

/// A high estimate of how long a group takes, for half a processor and wide rows. Room counts take a quarter of it.
fn duration_of(group: &Group) -> Duration {
    const BYTES_A_SECOND: u64 = 4 << 20;
    Duration::from_millis(group.bytes().saturating_mul(1000) / BYTES_A_SECOND)
}

impl GivenUp {
    fn of(files: &[ActiveFile], reason: String) -> Self {
        Self { files: files.iter().map(|file| file.key.clone()).collect(), reason }
    }
}

impl Compaction {
    /// Puts together what [`plan`](Self::plan) finds, one commit a group, until the deadline.
    ///
    /// Ending it at any point is safe: a group is replaced in one commit, or not at all.
    pub async fn run(&self, snapshot: &Snapshot) -> Result<Compacted, LakeError> {
        let mut table = Table::of(snapshot)?;
        self.check_event_time(&table)?;
        let mut since = Since::new(snapshot);
        let mut done = Compacted::default();
        // What forbids writing to the table is found before anything is read.
        table.objection(&mut since, &[], self.deadline).await?;
        let groups = self.plan(snapshot);
        let mut longest = Duration::ZERO;
        for (at, group) in groups.iter().enumerate() {
            let begun = Instant::now();
            // A smaller one may still fit.
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
            // The other groups need not wait until somebody has looked at this one.
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
