//! The report of an invocation. It is the answer that the state machine evaluates.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::item::Item;

/// The answer of an invocation that did not fail as a whole. Its JSON form is the function's answer;
/// README.md has an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The time of the run; it is part of the objects' names.
    #[serde(serialize_with = "milliseconds")]
    pub at: DateTime<Utc>,
    /// The bucket of the objects.
    pub bucket: String,
    /// The items whose object is stored, in the order of the request.
    pub stored: Vec<Stored>,
    /// All other items, in the order of the request.
    pub failed: Vec<Failed>,
    /// The number of stored items.
    pub stored_count: usize,
    /// The number of failed items.
    pub failed_count: usize,
    /// The number of retried requests. It is a metric and not part of the answer.
    #[serde(skip)]
    pub retries: u64,
}

/// An item whose object is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// The item.
    pub item: Item,
    /// The object's key.
    pub key: String,
    /// The object's size in bytes.
    pub bytes: u64,
}

/// An item that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The item.
    pub item: Item,
    /// The reason, with the token hidden.
    pub reason: String,
}

/// Writes a time in RFC 3339 with milliseconds and `Z`: `2026-11-26T23:00:05.123Z`.
fn milliseconds<S: Serializer>(at: &DateTime<Utc>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
