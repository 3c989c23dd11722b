//! One object of a batch, with its entry in the registry and its parked record.

use bytes::Bytes;
use dead_letters::ParkedRecord;
use function_kit::object_lane::Counts;
use s3::ObjectVersion;
use warehouse::registry::{RegistryEntry, State};

use crate::event::{InboxEvent, NO_USER};

/// This function's name in dead letters and in the registry.
pub(crate) const LANE: &str = "inbox-etl";

/// An object that was read.
pub(crate) struct Item {
    pub(crate) key: String,
    /// The version (`ETag`), size and time of the object that was read.
    pub(crate) version: ObjectVersion,
    /// The content; `None` if the object is too large.
    pub(crate) bytes: Option<Bytes>,
    /// The object's earlier entry in the registry.
    pub(crate) before: Option<RegistryEntry>,
    pub(crate) content: Content,
}

/// The decoded content of an object.
pub(crate) enum Content {
    /// An event.
    Event {
        event: InboxEvent,
        /// The number of fields that have no column.
        extra_fields: u32,
    },
    /// The content can never be stored; holds the reason.
    Poison(String),
}

impl Item {
    /// The event to store. A card without a user is stored in the quarantine table.
    pub(crate) fn event(&self) -> Option<&InboxEvent> {
        match &self.content {
            Content::Event { event, .. } => Some(event),
            Content::Poison(_) => None,
        }
    }

    /// Why the object is parked; `None` if it is not parked.
    fn parked(&self) -> Option<&str> {
        match &self.content {
            Content::Event { event: InboxEvent::Orphan(_), .. } => Some(NO_USER),
            Content::Event { .. } => None,
            Content::Poison(reason) => Some(reason),
        }
    }

    /// The object's new entry in the registry. An object is one row and is read at once, so the entry is always final.
    pub(crate) fn entry(&self) -> RegistryEntry {
        let size = i64::try_from(self.version.size).unwrap_or(i64::MAX);
        let begun = RegistryEntry::begin(self.before.as_ref(), &self.version.tag, self.version.modified);
        let begun = RegistryEntry { next: (1, size), ..begun };
        match self.parked() {
            None => RegistryEntry { state: State::Processed, rows_good: 1, ..begun },
            Some(reason) => {
                // A reason may quote the object, and Postgres cannot store a NUL in a text.
                let reason = Some(reason.replace('\0', "\\0"));
                RegistryEntry { state: State::Parked, rows_parked: 1, reason, ..begun }
            }
        }
    }

    /// The object's parked record; `None` if it is not parked.
    pub(crate) fn letter(&self, bucket: &str) -> Option<ParkedRecord> {
        let modified = self.version.modified.timestamp_millis();
        let place = (bucket, self.key.as_str(), None);
        self.parked()
            .map(|reason| ParkedRecord::of_object(LANE, place, self.bytes.as_deref(), reason, modified))
    }

    /// The counts of the object, for metrics. They are added after the object was stored or parked.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = match &self.content {
            Content::Event { extra_fields, .. } => Counts::from([("ExtraFields", u64::from(*extra_fields))]),
            Content::Poison(_) => Counts::new(),
        };
        counts.extend(match self.parked() {
            None => [("ObjectsProcessed", 1), ("RowsStored", 1)],
            Some(_) => [("ObjectsParked", 1), ("RecordsParked", 1)],
        });
        counts
    }
}
