//! Deletes the data files that the table no longer needs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lake::LakeError;
use objects::NotDeleted;
use tokio::time::Instant;

use crate::{
    Keeper,
    checkpoint::millis,
    files::{DataObjects, Named},
    keeper::before,
    log::Log,
};

/// Before this much is left until the deadline, no other page is begun.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(2);

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
    /// Deletes files that no version within `retention` names.
    ///
    /// A file that was written less than `youngest` before `now` stays: its commit may be on its way. `youngest` must be
    /// longer than the longest time-out of a writer. Files are compared by the store's clock.
    pub async fn vacuum(
        &self,
        retention: Duration,
        youngest: Duration,
        dry_run: bool,
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Vacuumed, LakeError> {
        let log = Log { store: &self.store, deadline };
        if retention > self.keep_removed {
            let reason = format!(
                "a vacuum with a retention of {retention:?} needs checkpoints that remember removed files as long, not for {:?}; \
                 lengthen keep_removed or shorten the retention",
                self.keep_removed
            );
            return Err(LakeError::Plan { table: log.table(), reason });
        }
        // The whole state: with a part of it, files of newer commits would look as if nothing named them.
        let segment = log.segment().await?;
        let mut state = log.replay(&segment, deadline).await?;
        if state.version + 1 < segment.commits.end {
            return Ok(Vacuumed::default());
        }
        state.expire(now.timestamp_millis() - millis(retention));
        let named = Named::of(&state, &self.store);
        let mut objects = DataObjects::new(&self.store, &state);
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
            let sizes: u64 = old.iter().map(|object| object.version.size).sum();
            let paths: Vec<String> = old.iter().map(|object| object.path.clone()).collect();
            (done.files, done.bytes) = (done.files + paths.len() as u64, done.bytes + sizes);
            if !dry_run && !paths.is_empty() {
                let refused = self.store.delete_all(&paths, deadline).await?;
                for one in refused {
                    let size =
                        old.iter().find(|object| object.path == one.path).map_or(0, |o| o.version.size);
                    (done.files, done.bytes) = (done.files - 1, done.bytes - size);
                    if done.refused.len() < 1_000 {
                        done.refused.push(one);
                    }
                }
            }
        }
        Ok(done)
    }
}
