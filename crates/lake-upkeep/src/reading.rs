//! A table's log as it was read once, for the steps that delete.

use chrono::{DateTime, Utc};
use lake::{LakeError, upkeep::LogSegment};
use tokio::time::Instant;

use crate::{Keeper, log::Log, state::State};

/// The newest version of a table at one moment.
#[derive(Debug)]
pub struct Reading {
    pub(crate) keeper: Keeper,
    pub(crate) segment: LogSegment,
    pub(crate) state: State,
    /// Ages are counted from this time. A file that only a commit after the reading names was written no longer before it than
    /// a write may take, so a vacuum leaves it alone as too young.
    pub(crate) now: DateTime<Utc>,
}

impl Keeper {
    /// Reads the log for [`Reading::clean_log`] and [`Reading::vacuum`], which would each read it by themselves otherwise.
    /// `now` is the time before this call. Refuses a table with unknown demands.
    pub async fn read(&self, now: DateTime<Utc>, deadline: Instant) -> Result<Reading, LakeError> {
        let log = Log { store: &self.store, deadline };
        let segment = log.segment().await?;
        let state = log.replay(&segment, deadline).await?;
        Ok(Reading { keeper: self.clone(), segment, state, now })
    }

    /// The newest version; an error where the deadline comes first.
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
