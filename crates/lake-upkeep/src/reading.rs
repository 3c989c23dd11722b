//! A table's state that was read once, for all operations that delete files.

use chrono::{DateTime, Utc};
use lake::{LakeError, upkeep::LogSegment};
use tokio::time::Instant;

use crate::{Keeper, log::Log, state::State};

/// The newest version of a table, as read at one moment.
#[derive(Debug)]
pub struct Reading {
    pub(crate) keeper: Keeper,
    /// The checkpoint and commits that were read.
    pub(crate) segment: LogSegment,
    /// The state that was reached: the newest version, or an earlier one if the deadline passed.
    pub(crate) state: State,
    /// The time from which ages are counted. A file can belong to a commit that was made after the reading. Such a file
    /// is at most as old as a write takes, so a vacuum keeps it as too young.
    pub(crate) now: DateTime<Utc>,
}

impl Keeper {
    /// Reads the log for [`Reading::clean_log`] and [`Reading::vacuum`], so that it is read once for both.
    /// `now` must be a time before this call. If the deadline is near, the reading ends at an earlier
    /// version, and both operations then delete nothing.
    ///
    /// # Errors
    /// [`LakeError::NoTable`] if there is no table; [`LakeError::Unsupported`] if the table requires
    /// something that this crate does not support; [`LakeError::Moved`] if the log is cleaned up during the
    /// call.
    pub async fn read(&self, now: DateTime<Utc>, deadline: Instant) -> Result<Reading, LakeError> {
        let log = Log { store: &self.store, deadline };
        let segment = log.segment().await?;
        let state = log.replay(&segment, deadline).await?;
        Ok(Reading { keeper: self.clone(), segment, state, now })
    }

    /// Reads the newest version.
    ///
    /// # Errors
    /// [`LakeError::Moved`] if the deadline is reached first; otherwise the errors of [`Self::read`].
    pub(crate) async fn read_whole(&self, deadline: Instant) -> Result<Reading, LakeError> {
        let reading = self.read(Utc::now(), deadline).await?;
        if reading.is_whole() {
            return Ok(reading);
        }
        let log = Log { store: &self.store, deadline };
        Err(log.moved("its newest version was not reached before the deadline; make a checkpoint"))
    }
}

impl Reading {
    /// Whether the newest version was reached before the deadline.
    pub(crate) fn is_whole(&self) -> bool {
        self.state.version + 1 >= self.segment.commits.end
    }
}
