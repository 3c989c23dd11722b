//! One object of a batch: what is registered of it, and what is parked.

use bytes::Bytes;
use dead_letters::ParkedRecord;
use function_kit::object_lane::Counts;
use s3::ObjectVersion;
use warehouse::registry::{RegistryEntry, State};

use crate::event::{InboxEvent, NO_USER};

/// The name under which this function parks.
pub(crate) const LANE: &str = "inbox-etl";

/// An object that was read.
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) version: ObjectVersion,
    /// None of an object that is too large.
    pub(crate) bytes: Option<Bytes>,
    /// What was registered of it before.
    pub(crate) before: Option<RegistryEntry>,
    pub(crate) content: Content,
}

/// What an object holds.
pub(crate) enum Content {
    /// An event.
    Event {
        event: InboxEvent,
        /// Fields that no column takes.
        extra_fields: u32,
    },
    /// What can never be stored, for this reason.
    Poison(String),
}

impl Item {
    /// The event that goes to the tables, a card without a user to its quarantine.
    pub(crate) fn event(&self) -> Option<&InboxEvent> {
        match &self.content {
            Content::Event { event, .. } => Some(event),
            Content::Poison(_) => None,
        }
    }

    /// Why it is parked; `None` where it is not.
    fn parked(&self) -> Option<&str> {
        match &self.content {
            Content::Event { event: InboxEvent::Orphan(_), .. } => Some(NO_USER),
            Content::Event { .. } => None,
            Content::Poison(reason) => Some(reason),
        }
    }

    /// What is registered of it. An object is one row, read at once.
    pub(crate) fn entry(&self) -> RegistryEntry {
        let size = i64::try_from(self.version.size).unwrap_or(i64::MAX);
        let begun = RegistryEntry::begin(self.before.as_ref(), &self.version.tag, self.version.modified);
        let begun = RegistryEntry { next: (1, size), ..begun };
        match self.parked() {
            None => RegistryEntry { state: State::Processed, rows_good: 1, ..begun },
            Some(reason) => {
                // Postgres holds no NUL, and a reason may quote the object.
                let reason = Some(reason.replace('\0', "\\0"));
                RegistryEntry { state: State::Parked, rows_parked: 1, reason, ..begun }
            }
        }
    }

    /// What is parked of it.
    pub(crate) fn letter(&self, bucket: &str) -> Option<ParkedRecord> {
        let modified = self.version.modified.timestamp_millis();
        let place = (bucket, self.key.as_str(), None);
        self.parked()
            .map(|reason| ParkedRecord::of_object(LANE, place, self.bytes.as_deref(), reason, modified))
    }

    /// What is counted once it is stored or parked.
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
