//! What became of an invocation: the answer that the state machine looks at.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::item::Item;

/// The answer of every invocation that got so far as to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The time in the objects' names.
    #[serde(serialize_with = "milliseconds")]
    pub at: DateTime<Utc>,
    /// The bucket of the objects.
    pub bucket: String,
    /// Items whose object is stored, in the order in which they were asked for.
    pub stored: Vec<Stored>,
    /// All other items.
    pub failed: Vec<Failed>,
    /// How many are stored.
    pub stored_count: usize,
    /// How many failed.
    pub failed_count: usize,
    /// Requests that were sent again; a metric, and not part of the answer.
    #[serde(skip)]
    pub retries: u64,
}

/// An item whose object is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// The item.
    pub item: Item,
    /// The object's key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
}

/// An item of which nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The item.
    pub item: Item,
    /// Why.
    pub reason: String,
}

fn milliseconds<S: Serializer>(at: &DateTime<Utc>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
