//! Produces readings in chunks, so that memory stays bounded.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::Utc;
use faults::{Classified, FaultClass};
use kafka::{KafkaProducer, OutgoingRecord, ProduceError, SdkConfig};
use serde_json::Value;
use tokio::time::Instant;

use crate::{ROOMS, Reading, Settings};

/// The largest number of records in one invocation.
pub const MOST_RECORDS: u64 = 10_000_000;

/// The number of records that are sent at once. It limits the memory.
const CHUNK: u64 = 20_000;

/// The event of an invocation. Other fields, such as those of a schedule, are ignored.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
pub struct Request {
    /// The number of records. If it is missing, the number in the settings counts.
    #[serde(default)]
    count: Option<Value>,
}

/// The answer of an invocation. All records were acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Produced {
    /// The number of records.
    pub produced: u64,
    /// The topic.
    pub topic: String,
    /// For each room, the sum of the people counts.
    pub sums: BTreeMap<&'static str, u64>,
}

/// Why not all records were produced.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The event's count is not valid.
    #[error("count must be a whole number from 0 to {MOST_RECORDS}, not {0}")]
    Count(Value),
    /// Records were not acknowledged.
    #[error("{acknowledged} of {count} records were acknowledged")]
    Produce {
        /// The number of acknowledged records.
        acknowledged: u64,
        /// The number of requested records.
        count: u64,
        /// The producer's error.
        source: Box<ProduceError>,
    },
}

impl Classified for GenerateError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Count(_) => FaultClass::Poison,
            Self::Produce { source, .. } => source.class(),
        }
    }
}

impl Request {
    /// The number of requested records, or `default` if the event does not have one.
    ///
    /// # Errors
    /// [`GenerateError::Count`] if `count` is not a whole number from 0 to [`MOST_RECORDS`].
    pub fn count(self, default: u64) -> Result<u64, GenerateError> {
        match self.count {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                value.as_u64().filter(|count| *count <= MOST_RECORDS).ok_or(GenerateError::Count(value))
            }
        }
    }
}

/// Produces readings to a topic.
#[derive(Debug)]
pub struct Generator {
    /// An idempotent producer with `acks=all`.
    producer: KafkaProducer,
    topic: String,
    count: u64,
}

impl Generator {
    /// Creates a generator that connects to Kafka when it first produces.
    #[must_use]
    pub fn new(settings: Settings, sdk: SdkConfig) -> Self {
        let Settings { cluster, topic, count } = settings;
        Self { producer: KafkaProducer::new(cluster, sdk), topic, count }
    }

    /// Produces the requested records in chunks. Returns when every record is acknowledged.
    ///
    /// # Errors
    /// [`GenerateError::Count`] before a record is produced. [`GenerateError::Produce`] if a chunk was not
    /// acknowledged before `deadline`; earlier chunks are stored, and the error counts them.
    pub async fn run(&self, request: Request, deadline: Instant) -> Result<Produced, GenerateError> {
        let count = request.count(self.count)?;
        let mut sums: BTreeMap<&'static str, u64> = ROOMS.map(|room| (room, 0)).into();
        let mut acknowledged = 0;
        while acknowledged < count {
            let size = CHUNK.min(count - acknowledged);
            let records: Vec<_> = (0..size).map(|_| record(&mut sums)).collect();
            let sent = self.producer.send_all(&self.topic, records, deadline).await;
            acknowledged += sent.map_err(|source| failed(acknowledged, count, source))?.records as u64;
        }
        Ok(Produced { produced: acknowledged, topic: self.topic.clone(), sums })
    }
}

/// The error of a chunk. `before` is the number of records in the chunks before it, which are acknowledged.
fn failed(before: u64, count: u64, source: ProduceError) -> GenerateError {
    let stored = match &source {
        ProduceError::NotAcknowledged { acknowledged, .. } => *acknowledged as u64,
        ProduceError::Connect(_) => 0,
    };
    GenerateError::Produce { acknowledged: before + stored, count, source: Box::new(source) }
}

/// Draws a random reading. The record's key is the room, so the readings of a room keep their order.
fn record(sums: &mut BTreeMap<&'static str, u64>) -> OutgoingRecord {
    let reading = Reading::draw(Utc::now(), &mut rand::rng());
    *sums.entry(reading.room).or_default() += u64::from(reading.count);
    OutgoingRecord::new(Bytes::from_static(reading.room.as_bytes()), reading.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of records for an event, with a default of 1,000, or the error message.
    fn count(event: &str) -> Result<u64, String> {
        let request: Option<Request> = serde_json::from_str(event).unwrap();
        request.unwrap_or_default().count(1000).map_err(|error| error.to_string())
    }

    #[test]
    fn the_event_overrides_the_number_in_the_settings() {
        assert_eq!(count(r#"{"count":0}"#), Ok(0));
        assert_eq!(count(r#"{"count":12345}"#), Ok(12_345));
        assert_eq!(count(r#"{"count":10000000}"#), Ok(MOST_RECORDS));
        for event in ["{}", "null", r#"{"count":null}"#, r#"{"source":"aws.scheduler","detail":{}}"#] {
            assert_eq!(count(event), Ok(1000), "{event}");
        }
    }

    #[test]
    fn an_invalid_count_is_rejected_with_the_limits() {
        for value in ["-1", "10000001", "1.5", "\"1000\"", "true", "[]", "1e30"] {
            let error = count(&format!("{{\"count\":{value}}}")).unwrap_err();
            assert!(error.contains("from 0 to 10000000"), "{value}: {error}");
        }
    }
}
