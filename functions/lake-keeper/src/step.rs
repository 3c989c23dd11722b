//! The maintenance steps for one table.

use std::time::Duration;

use chrono::Utc;
use lake::{Compaction, LakeError, Snapshot};
use lake_upkeep::{Keeper, Reading};
use pipeline::{LakeSection, UpkeepSection};
use s3::S3Location;
use tokio::time::Instant;

use crate::{Request, Settings, TableReport};

/// The time that is reserved at the end of a compaction, so that the current group can be finished.
const LAST_GROUP: Duration = Duration::from_secs(5);

/// One table with its maintenance settings.
pub(crate) struct KeptTable<'a> {
    client: &'a s3::Client,
    location: S3Location,
    upkeep: &'a UpkeepSection,
    event_time: Option<&'a str>,
    /// The minimum age of a file that a vacuum deletes.
    youngest: Duration,
    /// The log, as read by the first step that deletes files.
    reading: Option<Reading>,
}

impl<'a> KeptTable<'a> {
    pub(crate) fn new(
        client: &'a s3::Client,
        settings: &Settings,
        lake: &'a LakeSection,
        event_time: Option<&'a str>,
    ) -> Self {
        // Rows can be ordered by a top-level column only, not by a field of a struct.
        let event_time = event_time.filter(|path| !path.contains('.'));
        let location = settings.lake_root.join(&lake.path);
        let youngest = settings.youngest;
        Self { client, location, upkeep: &lake.upkeep, event_time, youngest, reading: None }
    }

    /// The keeper of the table. Checkpoints remember removed files for the retention of the vacuum.
    fn keeper(&self) -> Keeper {
        Keeper::new(self.client.clone(), self.location.clone()).keep_removed(self.retention())
    }

    /// How long removed data files are kept.
    fn retention(&self) -> Duration {
        Duration::from_hours(self.upkeep.retention_hours.into())
    }

    /// Writes a checkpoint if enough commits were made since the last one. In a dry run, only reads which one is the
    /// newest.
    pub(crate) async fn checkpoint(
        &self,
        request: &Request,
        deadline: Instant,
        report: &mut TableReport,
    ) -> Result<(), LakeError> {
        let every = if request.force { 1 } else { self.upkeep.checkpoint_commits.into() };
        let keeper = self.keeper();
        let done = if request.dry_run {
            keeper.newest_checkpoint(deadline).await?
        } else {
            keeper.checkpoint(every, deadline).await?
        };
        report.checkpoint = done.version;
        report.checkpoint_made = done.made;
        report.commits_since_checkpoint = done.commits_since;
        Ok(())
    }

    /// Merges small files, one commit per group. In a dry run, only counts them.
    pub(crate) async fn compact(
        &self,
        request: &Request,
        deadline: Instant,
        report: &mut TableReport,
    ) -> Result<(), LakeError> {
        let table = Snapshot::read(self.client.clone(), self.location.clone(), deadline).await?;
        let Some(snapshot) = table else { return Ok(()) };
        let compaction = Compaction {
            target_bytes: self.upkeep.target_file_bytes,
            min_files: if request.force { 2 } else { usize::try_from(self.upkeep.min_files).unwrap_or(2) },
            event_time: self.event_time.map(str::to_owned),
            deadline: deadline.checked_sub(LAST_GROUP).unwrap_or(deadline),
        };
        if request.dry_run {
            for group in compaction.plan(&snapshot) {
                report.files_joined += group.files.len() as u64;
                report.bytes_joined += group.bytes();
                report.groups_left += 1;
            }
            return Ok(());
        }
        let done = compaction.run(&snapshot).await?;
        report.files_joined = done.files_removed as u64;
        report.bytes_joined = done.bytes_removed;
        report.files_written = done.files_added as u64;
        report.bytes_written = done.bytes_added;
        report.groups_left = (done.left + done.given_up.len()) as u64;
        report.files_unfit = done.unfit.iter().map(|unfit| unfit.files.len() as u64).sum();
        report.unfit = done.unfit.into_iter().next().map(|unfit| unfit.reason);
        report.out_of_time |= done.left > 0 && done.fault.is_none();
        done.fault.map_or(Ok(()), Err)
    }

    /// Deletes log files older than the log retention. Keeps the state that was read for the vacuum.
    pub(crate) async fn clean_log(
        &mut self,
        request: &Request,
        deadline: Instant,
        report: &mut TableReport,
    ) -> Result<(), LakeError> {
        let retention = Duration::from_hours(self.upkeep.log_retention_hours.into());
        let reading = self.keeper().read(Utc::now(), deadline).await?;
        let done = reading.clean_log(retention, request.dry_run, deadline).await?;
        self.reading = Some(reading);
        report.log_entries_deleted = done.files;
        report.out_of_time |= !done.complete;
        report.refused(&done.refused);
        Ok(())
    }

    /// Deletes data files that no version within the retention names.
    pub(crate) async fn vacuum(
        &mut self,
        request: &Request,
        deadline: Instant,
        report: &mut TableReport,
    ) -> Result<(), LakeError> {
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.keeper().read(Utc::now(), deadline).await?,
        };
        let done = reading.vacuum(self.retention(), self.youngest, request.dry_run, deadline).await?;
        report.files_deleted = done.files;
        report.bytes_deleted = done.bytes;
        report.out_of_time |= !done.complete;
        report.refused(&done.refused);
        Ok(())
    }
}
