//! The keeper of one table.

use std::time::Duration;

use chrono::{DateTime, Utc};
use objects::{Client, ObjectStore, S3Location};

/// As Delta's own default.
const KEEP_REMOVED: Duration = Duration::from_hours(7 * 24);

/// Maintains one Delta table.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub(crate) store: ObjectStore,
    pub(crate) keep_removed: Duration,
}

impl Keeper {
    /// A keeper of the table at `location`. `objects::client` makes a fitting client.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        Self { store: ObjectStore::new(client, location), keep_removed: KEEP_REMOVED }
    }

    /// Sets how long checkpoints remember a removed file: 7 days, unless said otherwise. A vacuum deletes a file once no
    /// checkpoint or commit names it, so this must not be shorter than the retention of [`vacuum`](Self::vacuum).
    #[must_use]
    pub fn keep_removed(mut self, retention: Duration) -> Self {
        self.keep_removed = retention;
        self
    }
}

/// The moment that lies `duration` before `now`; the earliest there is, when that is beyond all calendars.
pub(crate) fn before(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let duration = chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX);
    now.checked_sub_signed(duration).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
