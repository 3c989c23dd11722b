//! Kafka events for tests.

use kafka_batch::event::MskEvent;

/// A record of a test.
#[derive(Debug, Clone)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Kafka's timestamp in milliseconds.
    pub timestamp_ms: i64,
    /// The value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
}

/// A valid record of `rooms-v1`. Its Kafka timestamp grows by 1 ms per offset, so records of different offsets differ.
#[must_use]
pub fn room(partition: i32, offset: i64, room: &str, count: i64) -> Record {
    let value = serde_json::json!({"ts": "2026-11-20 21:24:22.000001", "room": room, "count": count});
    Record {
        partition,
        offset,
        timestamp_ms: 1_795_209_862_000 + offset,
        value: Some(value.to_string().into_bytes()),
    }
}

impl Record {
    /// The same record with another value.
    #[must_use]
    pub fn with(mut self, value: Option<&[u8]>) -> Self {
        self.value = value.map(<[u8]>::to_vec);
        self
    }
}

/// Lambda's event with `records` of `topic`, as JSON.
#[must_use]
pub fn event<'a>(topic: &str, records: impl IntoIterator<Item = &'a Record>) -> Vec<u8> {
    let mut event = MskEvent::new("arn:aws:kafka:local:000000000000:cluster/test/0", "127.0.0.1:9092");
    for record in records {
        let Record { partition, offset, timestamp_ms, value } = record;
        event.push(topic, *partition, *offset, *timestamp_ms, None, value.as_deref(), &[]);
    }
    event.to_json()
}
