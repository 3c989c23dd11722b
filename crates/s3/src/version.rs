//! What an object is at one moment.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The state of an object: two objects of one key with the same tag have the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The `ETag`, with its quotes, or what a web server gives instead.
    pub tag: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, by the store's clock; whole seconds on S3.
    pub modified: DateTime<Utc>,
}

impl ObjectVersion {
    /// How long to wait until the object counts as wholly written, `settle` after it was last; `None` where it does.
    #[must_use]
    pub fn unsettled(&self, settle: Duration) -> Option<Duration> {
        let age = (Utc::now() - self.modified).to_std().unwrap_or_default();
        settle.checked_sub(age).filter(|left| !left.is_zero())
    }
}
