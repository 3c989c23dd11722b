//! The decoded batch: all bytes are in one buffer (the arena), and the records point into it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The records of one invocation, by partition.
///
/// Partitions are sorted by topic and number, records by offset. So results do not depend on the order in the event's
/// JSON.
#[derive(Debug, Default)]
pub struct KafkaBatch {
    /// The bytes of all keys and values.
    pub(crate) arena: Vec<u8>,
    /// Sorted by topic, then by number.
    pub(crate) partitions: Vec<Partition>,
    /// Set if the event is one of redriven dead letters.
    pub(crate) redrive: Option<Redrive>,
}

/// The mark on an event of redriven dead letters. Events of an event source mapping never have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redrive {
    /// The incarnation of the position in which the records were parked.
    pub incarnation: i64,
    /// Whether to store records that may be stored already. An operator sets it after checking the sink.
    #[serde(default)]
    pub include_uncertain: bool,
}

/// The records of one partition, sorted by offset.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The key in the event's `records` map, `topic-partition`. A partial batch response uses it too.
    pub(crate) id: String,
    /// The length of the topic's name at the start of `id`, in bytes.
    pub(crate) topic_len: usize,
    pub(crate) number: i32,
    pub(crate) records: Vec<Record>,
}

/// A record whose key and value are in the arena.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    /// Kafka's timestamp, −1 if there is none.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Span,
    pub(crate) value: Span,
    pub(crate) headers: Box<[Header]>,
}

/// A range of the arena and its kind. An invocation's payload is at most 6 MB (Lambda quota), so 32 bits are enough and
/// keep a batch small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: SpanKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
/// What a [`Span`] points to.
pub(crate) enum SpanKind {
    /// No key or value.
    Absent,
    /// Decoded base64.
    Bytes,
    /// The text in the event, which is not base64.
    Undecodable,
    /// The JSON text in the event, which is not even a string.
    NoString,
}

impl Span {
    /// The span of a null or missing field.
    pub(crate) const ABSENT: Self = Self { start: 0, end: 0, kind: SpanKind::Absent };

    /// The indexes in the arena.
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A record header. Kafka allows several headers with the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub name: String,
    /// The header's bytes. Not necessarily text.
    pub value: Vec<u8>,
}

/// The value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// No value. Kafka calls such a record a tombstone; it deletes a key in a compacted topic.
    Tombstone,
    /// The bytes that the producer sent.
    Bytes(&'a [u8]),
    /// The event's field is not a base64 string. These are its bytes as they are in the event.
    Undecodable(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes to keep in a dead letter; `None` for a tombstone.
    #[must_use]
    pub fn raw(self) -> Option<&'a [u8]> {
        match self {
            Self::Tombstone => None,
            Self::Bytes(bytes) | Self::Undecodable(bytes) => Some(bytes),
        }
    }
}

impl KafkaBatch {
    /// The partitions of this batch, sorted by topic, then by number.
    #[must_use = "an iterator does nothing by itself"]
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionRecords<'_>> {
        let redrive = self.redrive;
        self.partitions.iter().map(move |partition| PartitionRecords {
            arena: &self.arena,
            partition,
            redrive,
        })
    }

    /// The mark of a redrive, or `None` for an event from Kafka.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        self.redrive
    }

    /// The number of records in all partitions.
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

/// The records of one partition, sorted by offset.
#[derive(Debug, Clone, Copy)]
pub struct PartitionRecords<'a> {
    arena: &'a [u8],
    partition: &'a Partition,
    redrive: Option<Redrive>,
}

impl<'a> PartitionRecords<'a> {
    /// The mark of a redrive, or `None` for an event from Kafka.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        self.redrive
    }

    /// The identifier in the event and in a partial batch response: `topic-partition`.
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

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partition.records.len()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partition.records.is_empty()
    }

    /// The record at `index`, which counts from 0 and is not the offset. Panics unless it is below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> RecordRef<'a> {
        RecordRef { arena: self.arena, record: &self.partition.records[index] }
    }

    /// All records, sorted by offset.
    #[must_use = "an iterator does nothing by itself"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'a>> + DoubleEndedIterator + use<'a> {
        let arena = self.arena;
        self.partition.records.iter().map(move |record| RecordRef { arena, record })
    }
}

/// One record of a batch.
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

    /// Kafka's timestamp in milliseconds since the epoch, or −1 if the record has none. A producer can write any
    /// number.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.record.timestamp_ms
    }

    /// Kafka's timestamp if every sink can hold it: from 1970 to the end of 9999. `None` otherwise, for example if a
    /// producer wrote microseconds instead of milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> Option<i64> {
        let time_ms = self.record.timestamp_ms;
        (0..=253_402_300_799_999).contains(&time_ms).then_some(time_ms)
    }

    /// The bytes to decode.
    ///
    /// # Errors
    /// The reason why the record can never be decoded: it is a tombstone, or its key or value is malformed in the
    /// event.
    pub fn payload(&self) -> Result<&'a [u8], &'static str> {
        let Record { key, value, .. } = self.record;
        match value.kind {
            _ if key.kind == SpanKind::NoString => Err("the event's key is not a string"),
            SpanKind::Bytes => Ok(&self.arena[value.range()]),
            SpanKind::Absent => Err("the record is a tombstone: it has no value"),
            SpanKind::Undecodable => Err("the event's value is not base64"),
            SpanKind::NoString => Err("the event's value is not a string"),
        }
    }

    /// The key's bytes, or `None` if the record has no key. If the event's key is not base64, these are its bytes in
    /// the event.
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

    /// The headers, in the order of the record.
    #[must_use]
    pub fn headers(&self) -> &'a [Header] {
        &self.record.headers
    }
}
