//! The bucket of one test, and the notifications that S3 and SQS would send about it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3::{ObjectStore, S3Location};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::parts::Parts;

/// Characters that S3 percent-encodes in the keys of its notifications: all but letters, digits, `-`, `.`, `_` and `/`.
/// The space is excluded as well, because S3 encodes it as `+`.
const AS_THEY_ARE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b' ');

/// The bucket of a test's S3 lanes.
pub struct Bucket {
    store: ObjectStore,
}

/// Deadline of a request: one minute from now.
fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

impl Bucket {
    /// Creates the bucket that `parts.media` names.
    pub async fn make(parts: &Parts) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        let location: S3Location = parts.media.parse().unwrap();
        client.create_bucket().bucket(location.bucket()).send().await.unwrap();
        Self { store: ObjectStore::new(client, location) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.store.location().bucket()
    }

    /// Writes an object.
    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.store.put(key, body.into().into(), soon()).await.unwrap();
    }

    /// Returns the `Last-Modified` time of an object, in whole seconds since the Unix epoch. Panics if it does not
    /// exist.
    pub async fn modified(&self, key: &str) -> i64 {
        self.store.head(key, soon()).await.unwrap().unwrap().modified.timestamp()
    }

    /// Writes `files_list.data`: one key per line, with CRLF line ends. bucket-ingester reads only the keys in this
    /// list.
    pub async fn list(&self, keys: &[&str]) {
        self.put("files_list.data", keys.join("\r\n")).await;
    }

    /// Deletes an object.
    pub async fn delete(&self, key: &str) {
        self.store.delete(key, soon()).await.unwrap();
    }
}

/// The notification (S3 event format 2.1) that S3 sends for new objects, with one record per key.
#[must_use]
pub fn notification(bucket: &str, keys: &[&str]) -> Value {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| {
            let key = utf8_percent_encode(key, AS_THEY_ARE).to_string().replace(' ', "+");
            json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
                "eventTime": "2026-11-21T12:00:00.000Z", "eventName": "ObjectCreated:Put",
                "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket},
                    "object": {"key": key, "size": 1, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"}},
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The event that Lambda sends to a function with an SQS queue: one message per body, with the IDs `m0`, `m1`, …
#[must_use]
pub fn queue_event(bodies: &[Value]) -> Vec<u8> {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({"messageId": format!("m{number}"), "receiptHandle": "r", "body": body.to_string(),
                "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "md5OfBody": "",
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q", "awsRegion": "us-east-1"})
        })
        .collect();
    json!({ "Records": records }).to_string().into_bytes()
}
