//! A bucket of one test, and what S3 and SQS say of it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3::{ObjectStore, S3Location};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::parts::Parts;

/// S3 leaves these as they are in the keys of its notifications; a space becomes a plus.
const AS_THEY_ARE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b' ');

/// The bucket of a test's S3 lanes.
pub struct Bucket {
    store: ObjectStore,
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

impl Bucket {
    /// Makes the bucket.
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

    /// When an object was written, in whole seconds since the epoch.
    pub async fn modified(&self, key: &str) -> i64 {
        self.store.head(key, soon()).await.unwrap().unwrap().modified.timestamp()
    }

    /// Writes the list of files.
    pub async fn list(&self, keys: &[&str]) {
        self.put("files_list.data", keys.join("\r\n")).await;
    }

    /// Deletes an object.
    pub async fn delete(&self, key: &str) {
        self.store.delete(key, soon()).await.unwrap();
    }
}

/// What S3 sends of new objects.
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

/// What Lambda hands a function of a queue: one message for each body.
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
