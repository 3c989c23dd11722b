//! The decoded batch: one arena of bytes, and records that point into it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One invocation's records, by partition.
///
/// Partitions are sorted by topic and number, and records by offset, so that whatever is derived from a batch does
/// not depend on the order in which the event's JSON happened to list them.
#[derive(Debug, Default)]
pub struct KafkaBatch {
    pub(crate) arena: Vec<u8>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) redrive: Option<Redrive>,
}

/// What an event of redriven dead letters says of itself, beside the records. A mapping's events never hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redrive {
    /// The incarnation of the position in which the letters were parked.
    pub incarnation: i64,
    /// Whether records that may be stored already are to be stored all the same.
    #[serde(default)]
    pub include_uncertain: bool,
}

#[derive(Debug)]
pub(crate) struct Partition {
    /// The map key of the event, `topic-partition`: what a partial batch response names.
    pub(crate) id: String,
    pub(crate) topic_len: usize,
    pub(crate) number: i32,
    pub(crate) records: Vec<Record>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Span,
    pub(crate) value: Span,
    pub(crate) headers: Box<[Header]>,
}

/// A stretch of the arena, and what it holds. An event has 6 MB at the most, so 32 bits do, and a batch stays small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: SpanKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    Absent,
    Bytes,
    /// The text of the event itself, kept because it was not base64.
    Undecodable,
    /// The same, of JSON that is not even a string.
    NoString,
}

impl Span {
    pub(crate) const ABSENT: Self = Self { start: 0, end: 0, kind: SpanKind::Absent };

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A record header; Kafka allows several of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// The header's bytes.
    pub value: Vec<u8>,
}

/// What a record carries as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// No value: Kafka's delete marker.
    Tombstone,
    /// The producer's bytes.
    Bytes(&'a [u8]),
    /// The event did not hold a string of base64 here; this is what it held.
    Undecodable(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The raw bytes, as far as there are any: what a dead letter keeps.
    #[must_use]
    pub fn raw(self) -> Option<&'a [u8]> {
        match self {
            Self::Tombstone => None,
            Self::Bytes(bytes) | Self::Undecodable(bytes) => Some(bytes),
        }
    }
}

impl KafkaBatch {
    /// The partitions of this batch, sorted by topic, then number.
    #[must_use = "an iterator does nothing by itself"]
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionRecords<'_>> {
        let redrive = self.redrive;
        self.partitions.iter().map(move |partition| PartitionRecords {
            arena: &self.arena,
            partition,
            redrive,
        })
    }

    /// What the event says of a redrive, if it is one.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        self.redrive
    }

    /// How many records the batch holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partitions.iter().map(|partition| partition.records.len()).sum()
    }

    /// Whether the batch holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The records of one partition, in the order of their offsets.
#[derive(Debug, Clone, Copy)]
pub struct PartitionRecords<'a> {
    arena: &'a [u8],
    partition: &'a Partition,
    redrive: Option<Redrive>,
}

impl<'a> PartitionRecords<'a> {
    /// What the event says of a redrive, if it is one.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        self.redrive
    }

    /// The identifier that the event and a partial batch response use: `topic-partition`.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.partition.id
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        &self.partition.id[..self.partition.topic_len]
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition.number
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partition.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partition.records.is_empty()
    }

    /// The record at `index` (not offset), which must be below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> RecordRef<'a> {
        RecordRef { arena: self.arena, record: &self.partition.records[index] }
    }

    /// All records, in the order of their offsets.
    #[must_use = "an iterator does nothing by itself"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'a>> + DoubleEndedIterator + use<'a> {
        let arena = self.arena;
        self.partition.records.iter().map(move |record| RecordRef { arena, record })
    }
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    arena: &'a [u8],
    record: &'a Record,
}

impl<'a> RecordRef<'a> {
    /// The record's offset in its partition.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.record.offset
    }

    /// Kafka's timestamp in milliseconds since the epoch; −1 when it has none. A producer may write any number.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.record.timestamp_ms
    }

    /// Kafka's timestamp where it is one that every sink can hold: from 1970 to the end of 9999. (Microseconds given as
    /// milliseconds lie far beyond.)
    #[must_use]
    pub fn time_ms(&self) -> Option<i64> {
        let time_ms = self.record.timestamp_ms;
        (0..=253_402_300_799_999).contains(&time_ms).then_some(time_ms)
    }

    /// The bytes to decode, or why the record can never be decoded.
    pub fn payload(&self) -> Result<&'a [u8], &'static str> {
        let Record { key, value, .. } = self.record;
        match value.kind {
            _ if key.kind == SpanKind::NoString => Err("the event's key is no string"),
            SpanKind::Bytes => Ok(&self.arena[value.range()]),
            SpanKind::Absent => Err("the record is a tombstone: it has no value"),
            SpanKind::Undecodable => Err("the event's value is not base64"),
            SpanKind::NoString => Err("the event's value is no string"),
        }
    }

    /// The key's bytes; what was not base64 is given as it stood in the event.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        let span = self.record.key;
        (span.kind != SpanKind::Absent).then(|| &self.arena[span.range()])
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        let span = self.record.value;
        let bytes = &self.arena[span.range()];
        match span.kind {
            SpanKind::Absent => Value::Tombstone,
            SpanKind::Bytes => Value::Bytes(bytes),
            SpanKind::Undecodable | SpanKind::NoString => Value::Undecodable(bytes),
        }
    }

    /// The headers, in the record's order.
    #[must_use]
    pub fn headers(&self) -> &'a [Header] {
        &self.record.headers
    }
}
