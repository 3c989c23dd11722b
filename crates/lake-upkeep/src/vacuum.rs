//! The vacuum: deletes data files that the table no longer needs.

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

/// If less time than this is left until the deadline, no further page is listed.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(2);

/// The maximum number of refused deletions in the report.
const MOST_REFUSED: usize = 1_000;

/// The result of [`Keeper::vacuum`]. In a dry run: what it would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vacuumed {
    /// The number of files that were deleted.
    pub files: u64,
    /// The size of the deleted files, in bytes.
    pub bytes: u64,
    /// The number of files that nothing names but that are too young to delete.
    pub young: u64,
    /// The files that the object store refused to delete, at most 1,000 of them.
    pub refused: Vec<NotDeleted>,
    /// Whether all objects were looked at. If `false`, the deadline was near. Call again.
    pub complete: bool,
}

impl Keeper {
    /// Reads the table and then does the same as [`Reading::vacuum`]. `now` is the time that the retention is
    /// counted from.
    ///
    /// # Errors
    /// Those of [`Self::read`] and of [`Reading::vacuum`].
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
    /// Deletes the files that no version within `retention` names. With `dry_run` it deletes nothing.
    ///
    /// A file written less than `youngest` before the reading is kept, because its commit may not be written yet. So
    /// `youngest` must be longer than the longest timeout of a writer. The age of a file is by the clock of the object
    /// store.
    ///
    /// # Errors
    /// [`LakeError::Plan`] if `retention` is longer than checkpoints remember removed files
    /// ([`Keeper::keep_removed()`]).
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
        // With only a part of the state, the files of newer commits would seem unneeded.
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
