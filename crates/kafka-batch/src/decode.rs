//! One pass over the event's JSON: base64 is decoded into the batch's arena as it is met.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::batch::{Header, KafkaBatch, Partition, Record, Span, SpanKind};

/// The event's field that marks redriven dead letters.
pub(crate) const REDRIVE: &str = "headwaterRedrive";

/// The event as a whole is not one of a Kafka event source. No single record can cause this.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not in the event's shape.
    #[error("not an event of a Kafka event source: {0}")]
    Shape(String),
}

impl KafkaBatch {
    /// Decodes the JSON of one invocation's event.
    pub fn decode(event: &[u8]) -> Result<Self, DecodeError> {
        let mut batch = Self::default();
        batch.refill(event)?;
        Ok(batch)
    }

    /// Decodes another event into this batch, whose memory is used again: from event to event the kernel need not hand
    /// out fresh pages. After an error the batch is empty.
    ///
    /// A value or key that is not base64 is kept as it stands ([`crate::Value::Undecodable`]): one such record must
    /// not cost its neighbours.
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

    fn read(&mut self, event: &[u8]) -> Result<(), DecodeError> {
        if u32::try_from(event.len()).is_err() {
            return Err(DecodeError::Shape("it is larger than 4 GiB".to_owned()));
        }
        self.arena.reserve(event.len() / 2);
        let mut deserializer = sonic_rs::Deserializer::from_slice(event);
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
    fn topic(&self) -> &str {
        &self.id[..self.topic_len]
    }
}

/// The parser's own message quotes the input on further lines; records do not belong in logs.
fn first_line(error: &sonic_rs::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

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
            // A repeated key would otherwise be answered twice.
            match self.0.partitions.iter_mut().find(|partition| partition.id == id) {
                Some(partition) => partition.records.append(&mut records),
                None => self.0.partitions.push(Partition { id: id.into_owned(), topic_len, number, records }),
            }
        }
        Ok(())
    }
}

struct RecordsSeed<'b> {
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
            let key = append(self.arena, raw.key);
            let value = append(self.arena, raw.value);
            self.records.push(Record {
                offset: raw.offset,
                timestamp_ms: raw.timestamp,
                key,
                value,
                headers: raw.headers.into_iter().flat_map(BTreeMap::into_iter).map(header).collect(),
            });
        }
        Ok(())
    }
}

fn header((name, value): (String, Vec<i16>)) -> Header {
    // Java's bytes are signed: −1 and 255 are the same byte.
    Header { name, value: value.into_iter().map(|byte| byte.to_le_bytes()[0]).collect() }
}

/// The event's length was checked before.
fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn append(arena: &mut Vec<u8>, text: Option<Text<'_>>) -> Span {
    let Some(Text(text)) = text else { return Span::ABSENT };
    let start = arena.len();
    let kind = if base64_simd::STANDARD.decode_append(text.as_bytes(), arena).is_ok() {
        SpanKind::Bytes
    } else {
        arena.truncate(start);
        arena.extend_from_slice(text.as_bytes());
        SpanKind::Undecodable
    };
    Span { start: place(start), end: place(arena.len()), kind }
}

#[derive(Deserialize)]
struct RawRecord<'a> {
    offset: i64,
    #[serde(default = "no_timestamp")]
    timestamp: i64,
    #[serde(borrow, default)]
    key: Option<Text<'a>>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
    #[serde(default)]
    headers: Vec<BTreeMap<String, Vec<i16>>>,
}

/// Kafka's own mark for "no timestamp".
fn no_timestamp() -> i64 {
    -1
}

/// A string borrowed from the input where it holds no escape (serde's `Option<Cow<str>>` never borrows).
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
