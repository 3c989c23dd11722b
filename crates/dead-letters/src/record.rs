//! A parked record, stored as one line of JSON.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use kafka_batch::{PartitionRecords, RecordRef};
use serde::{Deserialize, Serialize};

/// One parked record. The field names are the keys of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRecord {
    /// The function that parked it, by the name of its folder under `functions/`.
    pub lane: String,
    /// The record's place in its source.
    pub source: Source,
    /// The incarnation of the sink's position when the record was parked. It grows with `headwater offsets reset`: a
    /// record of an earlier incarnation belongs to a deleted topic. Always 0 for records from objects.
    #[serde(default)]
    pub incarnation: i64,
    /// Why it could not be stored.
    pub reason: String,
    /// The key's bytes in base64; `None` if the record has no key.
    pub key_base64: Option<String>,
    /// The value's bytes in base64; `None` for a tombstone.
    pub value_base64: Option<String>,
    /// The headers, in the order of the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Milliseconds since the epoch: Kafka's timestamp, or the time at which the object was written.
    pub timestamp: i64,
    /// When it was parked: RFC 3339, UTC.
    pub parked_at: String,
    /// The fingerprint of the pipeline file's fields. Empty for records from objects.
    pub schema: String,
    /// The version of Headwater that parked it.
    pub version: String,
}

/// A record header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// The header's bytes in base64.
    pub value_base64: String,
}

/// Where a record comes from. It identifies the record: two lines with the same source are the same record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A record of a Kafka topic.
    Kafka {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// An object, or an element of one.
    Object {
        /// The bucket's name, or the base URL of a web server.
        bucket: String,
        /// The object's key.
        key: String,
        /// The element's index in the object, from 0. `None` if the whole object is parked.
        index: Option<u64>,
    },
}

impl fmt::Display for Source {
    /// `topic/partition/offset`, or `bucket/key#index`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { topic, partition, offset } => write!(out, "{topic}/{partition}/{offset}"),
            Self::Object { bucket, key, index: Some(index) } => write!(out, "{bucket}/{key}#{index}"),
            Self::Object { bucket, key, index: None } => write!(out, "{bucket}/{key}"),
        }
    }
}

impl ParkedRecord {
    /// Creates a line for a Kafka record that is parked now. `schema` is the fingerprint of the fields it was decoded
    /// with. `incarnation` comes from the sink's position.
    #[must_use]
    pub fn of_kafka(
        lane: &str,
        (partition, incarnation): (&PartitionRecords<'_>, i64),
        record: &RecordRef<'_>,
        reason: &str,
        schema: &str,
    ) -> Self {
        let source = Source::Kafka {
            topic: partition.topic().to_owned(),
            partition: partition.partition(),
            offset: record.offset(),
        };
        let headers = record.headers().iter();
        Self {
            lane: lane.to_owned(),
            source,
            incarnation,
            reason: reason.to_owned(),
            key_base64: record.key().map(encoded),
            value_base64: record.value().raw().map(encoded),
            headers: headers
                .map(|h| Header { name: h.name.clone(), value_base64: encoded(&h.value) })
                .collect(),
            timestamp: record.timestamp_ms(),
            parked_at: now(),
            schema: schema.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Creates a line for an object, or an element of it, that is parked now. `timestamp_ms` is the time at which the
    /// object was written. Pass no `value` if it is too large to store twice; the object itself stays in place.
    #[must_use]
    pub fn of_object(
        lane: &str,
        (bucket, key, index): (&str, &str, Option<u64>),
        value: Option<&[u8]>,
        reason: &str,
        timestamp_ms: i64,
    ) -> Self {
        Self {
            lane: lane.to_owned(),
            source: Source::Object { bucket: bucket.to_owned(), key: key.to_owned(), index },
            incarnation: 0,
            reason: reason.to_owned(),
            key_base64: None,
            value_base64: value.map(encoded),
            headers: Vec::new(),
            timestamp: timestamp_ms,
            parked_at: now(),
            schema: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Decodes the key's bytes; `None` if the record has no key.
    ///
    /// # Errors
    /// If the line was edited by hand, so that the text is not base64.
    pub fn key(&self) -> Result<Option<Vec<u8>>, base64_simd::Error> {
        self.key_base64.as_deref().map(|text| base64_simd::STANDARD.decode_to_vec(text)).transpose()
    }

    /// Decodes the value's bytes; `None` for a tombstone.
    ///
    /// # Errors
    /// As for [`Self::key`].
    pub fn value(&self) -> Result<Option<Vec<u8>>, base64_simd::Error> {
        self.value_base64.as_deref().map(|text| base64_simd::STANDARD.decode_to_vec(text)).transpose()
    }
}

/// The current time with microseconds, which decide which of two lines for one record is newer.
fn now() -> String {
    DateTime::<Utc>::from(std::time::SystemTime::now()).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Base64 with padding.
fn encoded(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
