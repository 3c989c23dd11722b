//! Parses the body of an S3 event notification.
//!
//! S3 may deliver notifications in any order and more than once, so a notification only says that an object changed.
//! Callers read the object itself for its current state. (The `sequencer` orders the events of one key, but the AWS
//! documentation contradicts itself on how to compare two sequencers of different length.)

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The message is not a usable S3 notification.
#[derive(Debug, thiserror::Error)]
pub enum BadNotification {
    /// The body is not JSON, or a field does not have the type that S3 documents.
    #[error("the notification is not in a format that S3 writes: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The body is JSON, but not from S3.
    #[error("the message has neither S3's records, nor an S3 event of EventBridge, nor S3's test event")]
    Foreign,
    /// An event has no name, bucket or key.
    #[error("event {index} of the notification has no {field}")]
    Missing {
        /// The event's index in the notification, from 0.
        index: usize,
        /// The missing field: `event name`, `bucket` or `key`.
        field: &'static str,
    },
    /// The key has an encoding that S3 does not produce.
    #[error("event {index} of the notification has the key {key:?}, {reason}")]
    BadKey {
        /// The event's index in the notification, from 0.
        index: usize,
        /// The key as it was received.
        key: String,
        /// The problem, as a relative clause.
        reason: &'static str,
    },
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The object was written: by PUT, POST, a copy or a completed multipart upload.
    Created,
    /// The object was deleted, was hidden by a delete marker, or expired.
    Removed,
    /// Any other event; holds S3's name for it.
    Other(String),
}

/// One event of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// What happened.
    pub kind: EventKind,
    /// The bucket's name.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// The object's size in bytes; `None` for removals.
    pub size: Option<u64>,
    /// The object's `ETag`, without quotes.
    pub etag: Option<String>,
    /// The version's id, in a bucket with versioning.
    pub version_id: Option<String>,
    /// A hexadecimal number that grows with each event of the same key.
    pub sequencer: Option<String>,
    /// When S3 finished the request.
    pub event_time: Option<DateTime<Utc>>,
}

/// Decodes the body of a message: S3's own records, an `EventBridge` event, or either of them in an SNS
/// envelope. Returns no events for the test event that S3 sends when notifications are set up.
///
/// The formats are those of "Event message structure" in the S3 user guide and of the `EventBridge` events of
/// S3. Unknown fields are ignored.
///
/// # Errors
/// [`BadNotification`]. Every error is permanent: the same body fails again.
pub fn decode(body: &[u8]) -> Result<Vec<ObjectEvent>, BadNotification> {
    let body: Body = serde_json::from_slice(body)?;
    match body {
        Body { envelope: Some(envelope), message: Some(message), .. } if envelope == "Notification" => {
            events(serde_json::from_str(&message)?)
        }
        body => events(body),
    }
}

/// The events of a body without its envelope.
fn events(body: Body) -> Result<Vec<ObjectEvent>, BadNotification> {
    match body {
        Body { records: Some(records), .. } => {
            records.into_iter().enumerate().map(|(index, record)| record.event(index)).collect()
        }
        Body { source: Some(source), detail_type: Some(name), detail: Some(entity), time, .. }
            if source == "aws.s3" =>
        {
            let kind = match name.as_str() {
                "Object Created" => EventKind::Created,
                "Object Deleted" => EventKind::Removed,
                _ => EventKind::Other(name),
            };
            // EventBridge events do not encode the key; S3's own records do.
            Ok(vec![entity.event(0, kind, time, Ok)?])
        }
        Body { test: Some(event), .. } if event == "s3:TestEvent" => Ok(Vec::new()),
        _ => Err(BadNotification::Foreign),
    }
}

/// The union of all message formats. The fields that are present tell the formats apart.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    #[serde(rename = "Event")]
    test: Option<String>,
    #[serde(rename = "Type")]
    envelope: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<Entity>,
    time: Option<DateTime<Utc>>,
}

/// One of S3's own records. The keys are percent-encoded like HTML forms.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: Option<String>,
    event_time: Option<DateTime<Utc>>,
    s3: Option<Entity>,
}

/// The bucket and the object of an event. Both formats have them; only the case of some names differs.
#[derive(Deserialize)]
struct Entity {
    bucket: Option<Bucket>,
    object: Option<Object>,
}

/// The bucket of an event.
#[derive(Deserialize)]
struct Bucket {
    name: Option<String>,
}

/// The object of an event. The aliases are the names in S3's own records.
#[derive(Deserialize)]
struct Object {
    key: Option<String>,
    size: Option<u64>,
    #[serde(alias = "eTag")]
    etag: Option<String>,
    #[serde(alias = "versionId", rename = "version-id")]
    version_id: Option<String>,
    sequencer: Option<String>,
}

impl Record {
    fn event(self, index: usize) -> Result<ObjectEvent, BadNotification> {
        let missing = |field| BadNotification::Missing { index, field };
        let name = self.event_name.ok_or(missing("event name"))?;
        // S3 writes the name without this prefix; emulators write it with the prefix.
        let name = name.strip_prefix("s3:").unwrap_or(&name);
        let kind = match name.split(':').next() {
            Some("ObjectCreated") => EventKind::Created,
            Some("ObjectRemoved" | "LifecycleExpiration") => EventKind::Removed,
            _ => EventKind::Other(name.to_owned()),
        };
        let entity = self.s3.ok_or(missing("bucket"))?;
        entity.event(index, kind, self.event_time, |key| {
            s3::form_decoded(&key).map_err(|reason| BadNotification::BadKey { index, key, reason })
        })
    }
}

impl Entity {
    fn event(
        self,
        index: usize,
        kind: EventKind,
        event_time: Option<DateTime<Utc>>,
        decoded: impl FnOnce(String) -> Result<String, BadNotification>,
    ) -> Result<ObjectEvent, BadNotification> {
        let missing = |field| BadNotification::Missing { index, field };
        let bucket = self.bucket.and_then(|bucket| bucket.name).filter(|name| !name.is_empty());
        let bucket = bucket.ok_or(missing("bucket"))?;
        let object = self.object.ok_or(missing("key"))?;
        let key = object.key.filter(|key| !key.is_empty()).ok_or(missing("key"))?;
        Ok(ObjectEvent {
            kind,
            bucket,
            key: decoded(key)?,
            size: object.size,
            etag: object.etag.map(|etag| etag.trim_matches('"').to_owned()),
            version_id: object.version_id,
            sequencer: object.sequencer,
            event_time,
        })
    }
}
