//! Producing readings, a bounded number at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::Utc;
use faults::{Classified, FaultClass};
use kafka::{KafkaProducer, OutgoingRecord, ProduceError, SdkConfig};
use serde_json::Value;
use tokio::time::Instant;

use crate::{ROOMS, Reading, Settings};

/// The most that one invocation produces.
pub const MOST_RECORDS: u64 = 10_000_000;

/// Records on their way at once: what bounds the memory.
const CHUNK: u64 = 20_000;

/// What an invocation may ask for. Schedules send fields of their own: they are ignored.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
pub struct Request {
    /// How many records; the settings' count when it is missing.
    #[serde(default)]
    count: Option<Value>,
}

/// What was produced; every record of it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Produced {
    /// How many records.
    pub produced: u64,
    /// The topic.
    pub topic: String,
    /// The sum of the counts per room.
    pub sums: BTreeMap<&'static str, u64>,
}

/// Why not all was produced.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The event asks for what cannot be.
    #[error("count must be a whole number from 0 to {MOST_RECORDS}, not {0}")]
    Count(Value),
    /// Records were not acknowledged.
    #[error("{acknowledged} of {count} records were acknowledged")]
    Produce {
        /// Records that are safely stored.
        acknowledged: u64,
        /// Records that were asked for.
        count: u64,
        /// Why the others are not.
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
    /// How many records are asked for.
    pub fn count(self, default: u64) -> Result<u64, GenerateError> {
        match self.count {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                value.as_u64().filter(|count| *count <= MOST_RECORDS).ok_or(GenerateError::Count(value))
            }
        }
    }
}

/// The function: readings to a topic.
#[derive(Debug)]
pub struct Generator {
    producer: KafkaProducer,
    topic: String,
    count: u64,
}

impl Generator {
    /// A generator that connects when it first produces.
    #[must_use]
    pub fn new(settings: Settings, sdk: SdkConfig) -> Self {
        let Settings { cluster, topic, count } = settings;
        Self { producer: KafkaProducer::new(cluster, sdk), topic, count }
    }

    /// Produces what is asked for; returns when every record is acknowledged.
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

fn failed(before: u64, count: u64, source: ProduceError) -> GenerateError {
    let stored = match &source {
        ProduceError::NotAcknowledged { acknowledged, .. } => *acknowledged as u64,
        ProduceError::Connect(_) => 0,
    };
    GenerateError::Produce { acknowledged: before + stored, count, source: Box::new(source) }
}

/// Draws a reading, keyed by its room so that a room keeps its order.
fn record(sums: &mut BTreeMap<&'static str, u64>) -> OutgoingRecord {
    let reading = Reading::draw(Utc::now(), &mut rand::rng());
    *sums.entry(reading.room).or_default() += u64::from(reading.count);
    OutgoingRecord::new(Bytes::from_static(reading.room.as_bytes()), reading.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(event: &str) -> Result<u64, String> {
        let request: Option<Request> = serde_json::from_str(event).unwrap();
        request.unwrap_or_default().count(1000).map_err(|error| error.to_string())
    }

    #[test]
    fn the_event_says_how_many_or_the_settings_do() {
        assert_eq!(count(r#"{"count":0}"#), Ok(0));
        assert_eq!(count(r#"{"count":12345}"#), Ok(12_345));
        assert_eq!(count(r#"{"count":10000000}"#), Ok(MOST_RECORDS));
        for event in ["{}", "null", r#"{"count":null}"#, r#"{"source":"aws.scheduler","detail":{}}"#] {
            assert_eq!(count(event), Ok(1000), "{event}");
        }
    }

    #[test]
    fn any_other_count_is_refused_with_the_rule() {
        for value in ["-1", "10000001", "1.5", "\"1000\"", "true", "[]", "1e30"] {
            let error = count(&format!("{{\"count\":{value}}}")).unwrap_err();
            assert!(error.contains("from 0 to 10000000"), "{value}: {error}");
        }
    }
}
