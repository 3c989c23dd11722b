//! The keeper: maintenance of one table.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use lake::LakeError;
use s3::{Client, Listed, NotDeleted, ObjectStore, S3Location};
use tokio::time::Instant;

/// Delta's default for the retention of removed files.
const KEEP_REMOVED: Duration = Duration::from_hours(7 * 24);

/// Maintains one Delta table.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub(crate) store: ObjectStore,
    /// How long checkpoints remember removed files.
    pub(crate) keep_removed: Duration,
}

impl Keeper {
    /// A keeper for the table at `location`. Create the client with `s3::client`. Sends no request.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        Self { store: ObjectStore::new(client, location), keep_removed: KEEP_REMOVED }
    }

    /// Sets how long checkpoints remember a removed file. The default is 7 days. A vacuum deletes a file when no
    /// checkpoint or commit names it. So this must not be shorter than the retention of [`vacuum`](Self::vacuum).
    #[must_use]
    pub fn keep_removed(mut self, retention: Duration) -> Self {
        self.keep_removed = retention;
        self
    }

    /// Deletes objects. In a dry run, only returns the objects that would be deleted.
    ///
    /// # Errors
    /// [`LakeError`] if S3 refuses a request as a whole. An object that it refuses to delete is part of the
    /// result.
    pub(crate) async fn delete(
        &self,
        objects: &[Listed],
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Deleted, LakeError> {
        let paths: Vec<String> = objects.iter().map(|object| object.path.clone()).collect();
        let refused = if dry_run { Vec::new() } else { self.store.delete_all(&paths, deadline).await? };
        let kept: HashSet<&str> = refused.iter().map(|one| one.path.as_str()).collect();
        let gone = objects.iter().filter(|object| !kept.contains(object.path.as_str()));
        let (files, bytes) = gone.fold((0, 0), |(files, bytes), one| (files + 1, bytes + one.version.size));
        Ok(Deleted { files, bytes, refused })
    }
}

/// The result of deleting objects.
pub(crate) struct Deleted {
    /// The number of deleted objects.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// The objects that the object store refused to delete.
    pub(crate) refused: Vec<NotDeleted>,
}

/// Returns the time `duration` before `now`, or the earliest possible time if that is out of range.
pub(crate) fn before(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let duration = chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX);
    now.checked_sub_signed(duration).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
