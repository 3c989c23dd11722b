//! Deletes the data files that the table no longer needs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lake::LakeError;
use s3::NotDeleted;
use tokio::time::Instant;

use crate::{
    Keeper, Reading,
    checkpoint::millis,
    files::{DataObjects, Named},
    keeper::before,
};

/// No further page is begun when less than this is left until the deadline.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(2);

/// Refusals that are kept for the report.
const MOST_REFUSED: usize = 1_000;

/// What [`Keeper::vacuum`] did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vacuumed {
    /// Files that were deleted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that nothing names and that are too young to be deleted.
    pub young: u64,
    /// Files that the store would not delete, at most a thousand of them.
    pub refused: Vec<NotDeleted>,
    /// Whether all objects were looked at. If not, the deadline was near: call again.
    pub complete: bool,
}

impl Keeper {
    /// [`Reading::vacuum`] with a reading of its own.
    pub async fn vacuum(
        &self,
        retention: Duration,
        youngest: Duration,
        dry_run: bool,
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Vacuumed, LakeError> {
        self.read(now, deadline).await?.vacuum(retention, youngest, dry_run, deadline).await
    }
}

impl Reading {
    /// Deletes files that no version within `retention` names.
    ///
    /// A file that was written less than `youngest` before the reading stays: its commit may not be written yet. `youngest`
    /// must be longer than the longest time-out of a writer. Files are compared by the store's clock.
    pub async fn vacuum(
        self,
        retention: Duration,
        youngest: Duration,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Vacuumed, LakeError> {
        let whole = self.is_whole();
        let Self { keeper, mut state, now, .. } = self;
        if retention > keeper.keep_removed {
            let reason = format!(
                "a vacuum with a retention of {retention:?} needs checkpoints that remember removed files as long, not for {:?}; \
                 lengthen keep_removed or shorten the retention",
                keeper.keep_removed
            );
            return Err(LakeError::Plan { table: keeper.store.location().to_string(), reason });
        }
        // With a part of the state, files of newer commits would look as if nothing named them.
        if !whole {
            return Ok(Vacuumed::default());
        }
        state.expire(now.timestamp_millis() - millis(retention));
        let named = Named::of(&state, &keeper.store);
        let mut objects = DataObjects::new(&keeper.store, &state);
        drop(state);
        let newest = before(now, youngest);
        let mut done = Vacuumed::default();
        while Instant::now() + LAST_PAGE < deadline {
            let Some(page) = objects.next(deadline).await? else {
                done.complete = true;
                break;
            };
            let unnamed = page.into_iter().filter(|object| !named.contains(&object.path));
            let (old, young): (Vec<_>, Vec<_>) = unnamed.partition(|object| object.version.modified < newest);
            done.young += young.len() as u64;
            let deleted = keeper.delete(&old, dry_run, deadline).await?;
            (done.files, done.bytes) = (done.files + deleted.files, done.bytes + deleted.bytes);
            let room = MOST_REFUSED.saturating_sub(done.refused.len());
            done.refused.extend(deleted.refused.into_iter().take(room));
        }
        Ok(done)
    }
}
