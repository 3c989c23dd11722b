//! Decodes the event's JSON in one pass. Base64 is decoded directly into the batch's arena.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::batch::{KafkaBatch, Partition, Record, Span, SpanKind};
use crate::fields::{Headers, Scalar};

/// The event's field that marks redriven dead letters. Lambda's events do not have it.
pub(crate) const REDRIVE: &str = "headwaterRedrive";

/// The event as a whole is not from a Kafka event source. The content of a record cannot cause this.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The event is not JSON, or does not have the shape of a Kafka event. The text says what is wrong.
    #[error("not an event of a Kafka event source: {0}")]
    Shape(String),
}

impl KafkaBatch {
    /// Decodes the JSON of one invocation's event. See [`Self::refill`].
    ///
    /// # Errors
    /// [`DecodeError::Shape`] if the event is not a Kafka event.
    pub fn decode(event: &[u8]) -> Result<Self, DecodeError> {
        let mut batch = Self::default();
        batch.refill(event)?;
        Ok(batch)
    }

    /// Decodes another event into this batch and reuses its memory. After an error the batch is empty.
    ///
    /// A malformed part of a record does not affect the record or its neighbours where that is possible. Headers,
    /// timestamps and names are read as far as they can be. A value or key that is not base64 is kept as it is in the
    /// event; [`crate::RecordRef::payload`] then returns the reason.
    ///
    /// # Errors
    /// [`DecodeError::Shape`] if the event is not a Kafka event. A record without an offset is such a case, because it
    /// can be neither parked nor reported.
    pub fn refill(&mut self, event: &[u8]) -> Result<(), DecodeError> {
        self.arena.clear();
        self.partitions.clear();
        self.redrive = None;
        let read = self.read(event);
        if read.is_err() {
            self.partitions.clear();
        }
        read
    }

    /// Decodes the event into the empty batch.
    fn read(&mut self, event: &[u8]) -> Result<(), DecodeError> {
        if u32::try_from(event.len()).is_err() {
            return Err(DecodeError::Shape("it is larger than 4 GiB".to_owned()));
        }
        self.arena.reserve(event.len() / 2);
        // Lossy: half of a surrogate pair in a header's name must not make the whole event unreadable.
        let mut deserializer = sonic_rs::Deserializer::from_slice(event).utf8_lossy();
        EventSeed(self)
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| DecodeError::Shape(first_line(&error)))?;
        self.partitions.sort_by(|a, b| (a.topic(), a.number).cmp(&(b.topic(), b.number)));
        for partition in &mut self.partitions {
            if !partition.records.is_sorted_by_key(|record| record.offset) {
                partition.records.sort_by_key(|record| record.offset);
            }
        }
        Ok(())
    }
}

impl Partition {
    /// The topic's name.
    fn topic(&self) -> &str {
        &self.id[..self.topic_len]
    }
}

/// The first line of the parser's message. The other lines quote the input, and records must not appear in logs.
fn first_line(error: &sonic_rs::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Reads the event's object.
struct EventSeed<'b>(&'b mut KafkaBatch);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `records`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(Text(field)) = map.next_key()? {
            if field == "records" {
                found = true;
                map.next_value_seed(PartitionsSeed(self.0))?;
            } else if field == REDRIVE {
                self.0.redrive = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::missing_field("records")) }
    }
}

/// Reads the `records` object: one list of records per partition.
struct PartitionsSeed<'b>(&'b mut KafkaBatch);

impl<'de> DeserializeSeed<'de> for PartitionsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PartitionsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`records` as an object of `topic-partition` to a list of records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(id)) = map.next_key()? {
            let split =
                id.rsplit_once('-').and_then(|(topic, number)| Some((topic.len(), number.parse().ok()?)));
            let Some((topic_len, number)) = split else {
                return Err(serde::de::Error::custom(format_args!("`{id}` is not `topic-partition`")));
            };
            let mut records = Vec::new();
            map.next_value_seed(RecordsSeed { arena: &mut self.0.arena, records: &mut records })?;
            // If the JSON repeats a partition's key, its records are merged. Otherwise the partition would have two
            // outcomes.
            match self.0.partitions.iter_mut().find(|partition| partition.id == id) {
                Some(partition) => partition.records.append(&mut records),
                None => self.0.partitions.push(Partition { id: id.into_owned(), topic_len, number, records }),
            }
        }
        Ok(())
    }
}

/// Reads the list of records of one partition.
struct RecordsSeed<'b> {
    /// The batch's arena, which gets the decoded bytes.
    arena: &'b mut Vec<u8>,
    records: &'b mut Vec<Record>,
}

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<RawRecord<'de>>()? {
            let key = append(self.arena, &raw.key);
            let value = append(self.arena, &raw.value);
            self.records.push(Record {
                offset: raw.offset,
                timestamp_ms: raw.timestamp.timestamp(),
                key,
                value,
                headers: raw.headers.0.into_boxed_slice(),
            });
        }
        Ok(())
    }
}

/// Converts a length to 32 bits. The caller has checked the length of the event.
fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Decodes a key or value into the arena. If it is not base64, its text is appended instead.
fn append(arena: &mut Vec<u8>, field: &Scalar<'_>) -> Span {
    let start = arena.len();
    let kind = match field {
        Scalar::Null => return Span::ABSENT,
        Scalar::Text(text) if base64_simd::STANDARD.decode_append(text.as_bytes(), arena).is_ok() => {
            SpanKind::Bytes
        }
        other => {
            arena.truncate(start);
            match other {
                Scalar::Text(text) => arena.extend_from_slice(text.as_bytes()),
                Scalar::Integer(number) => arena.extend_from_slice(number.to_string().as_bytes()),
                Scalar::Other(json) => arena.extend_from_slice(json.as_bytes()),
                Scalar::Null => {}
            }
            if matches!(other, Scalar::Text(_)) { SpanKind::Undecodable } else { SpanKind::NoString }
        }
    };
    Span { start: place(start), end: place(arena.len()), kind }
}

/// The parts of a record that are used. `topic`, `partition`, `timestampType`, schema metadata and future fields are
/// ignored.
#[derive(Deserialize)]
struct RawRecord<'a> {
    /// The only field without which a record cannot be handled.
    offset: i64,
    /// Milliseconds since the epoch.
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    /// Base64, or null.
    #[serde(borrow, default)]
    key: Scalar<'a>,
    /// Base64, or null for a tombstone.
    #[serde(borrow, default)]
    value: Scalar<'a>,
    /// A list of objects with one header each.
    #[serde(default)]
    headers: Headers,
}

/// A key of a JSON object, borrowed from the event if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}
