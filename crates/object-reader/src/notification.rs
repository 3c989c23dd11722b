//! What S3 tells about its objects: the body of an event notification.
//!
//! A notification says that something happened, in any order and possibly twice. What an object is now, the object
//! itself says. (Its `sequencer` orders events of one key; how to compare two of different length, AWS has documented
//! in two ways.)

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Not a notification of S3 that can be acted on.
#[derive(Debug, thiserror::Error)]
pub enum BadNotification {
    /// Not JSON, or a field of another type than S3 writes.
    #[error("the notification is not what S3 writes: {0}")]
    Malformed(#[from] serde_json::Error),
    /// JSON of another sender.
    #[error("the message has neither S3's records, nor an S3 event of EventBridge, nor S3's test event")]
    Foreign,
    /// An event that does not say which object it is about.
    #[error("event {index} of the notification has no {field}")]
    Missing {
        /// 0 for the notification's first.
        index: usize,
        /// The bucket or the key.
        field: &'static str,
    },
    /// A key that S3 cannot have encoded.
    #[error("event {index} of the notification has the key {key:?}, {reason}")]
    BadKey {
        /// 0 for the notification's first.
        index: usize,
        /// As it was received.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// Written: put, posted, copied, or completed in parts.
    Created,
    /// Deleted, hidden by a delete marker, or expired.
    Removed,
    /// Anything else, by S3's name.
    Other(String),
}

/// One event of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// What happened.
    pub kind: EventKind,
    /// The bucket's name.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Bytes; removals have none.
    pub size: Option<u64>,
    /// What identifies the content, without quotes.
    pub etag: Option<String>,
    /// In a bucket with versioning.
    pub version_id: Option<String>,
    /// A hexadecimal number that grows with the events of one key.
    pub sequencer: Option<String>,
    /// When S3 was done with the request.
    pub event_time: Option<DateTime<Utc>>,
}

/// The events of a message's body: S3's own records, an event of `EventBridge`, or either of them in an envelope of
/// SNS. S3's test event, sent when notifications are set up, has none.
pub fn decode(body: &[u8]) -> Result<Vec<ObjectEvent>, BadNotification> {
    let body: Body = serde_json::from_slice(body)?;
    match body {
        Body { envelope: Some(envelope), message: Some(message), .. } if envelope == "Notification" => {
            events(serde_json::from_str(&message)?)
        }
        body => events(body),
    }
}

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
            // Unlike S3's own, this form does not encode the key.
            Ok(vec![entity.event(0, kind, time, Ok)?])
        }
        Body { test: Some(event), .. } if event == "s3:TestEvent" => Ok(Vec::new()),
        _ => Err(BadNotification::Foreign),
    }
}

/// All forms in one: which of them it is, is told by the fields that are there.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: Option<String>,
    event_time: Option<DateTime<Utc>>,
    s3: Option<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Option<Bucket>,
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Bucket {
    name: Option<String>,
}

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
        // S3 writes the name without this prefix, emulators write it with.
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
