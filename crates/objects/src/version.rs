//! What an object is at one moment.

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
