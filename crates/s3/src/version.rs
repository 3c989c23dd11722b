//! The state of an object at one moment.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The state of an object. If two reads of one key return the same tag, they return the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The `ETag` with its quotes. For a web server without `ETag`, the value of `Last-Modified`.
    pub tag: String,
    /// The size in bytes.
    pub size: u64,
    /// When the object was written, by the store's clock, in whole seconds.
    pub modified: DateTime<Utc>,
}

impl ObjectVersion {
    /// An object counts as completely written once `settle` has passed since its last write. Returns the remaining
    /// time, or `None` if it has passed.
    #[must_use]
    pub fn unsettled(&self, settle: Duration) -> Option<Duration> {
        let age = (Utc::now() - self.modified).to_std().unwrap_or_default();
        settle.checked_sub(age).filter(|left| !left.is_zero())
    }
}
