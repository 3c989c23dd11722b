//! Lenient readers for the fields of a record in an event. A malformed field does not make the record unreadable.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::batch::Header;

/// Kafka's value for "no timestamp".
const NO_TIMESTAMP: i64 = -1;

/// A value that should be a string or an integer.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// `null`, or the field is missing.
    #[default]
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A string, borrowed from the event if it has no escapes. (Serde's `Option<Cow<str>>` never borrows.)
    Text(Cow<'a, str>),
    /// Any other JSON value, as text.
    Other(String),
}

impl Scalar<'_> {
    /// The value as milliseconds since the epoch. A number in a string, or with a fraction, is accepted too. −1 for
    /// anything else.
    pub(crate) fn timestamp(&self) -> i64 {
        let number = |text: &str| text.parse().ok().or_else(|| whole(text.parse().ok()?));
        match self {
            Self::Integer(number) => *number,
            Self::Text(text) => number(text).unwrap_or(NO_TIMESTAMP),
            Self::Other(text) => number(text).unwrap_or(NO_TIMESTAMP),
            Self::Null => NO_TIMESTAMP,
        }
    }
}

/// The integer part of a number. `None` for infinity and NaN.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "beyond the range it is no timestamp anyhow")]
    number.is_finite().then_some(number as i64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Accepts every JSON value.
struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other(truth.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Scalar::Other(number.to_string()), Scalar::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other(serde_json::Value::from(number).to_string()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let list = serde_json::Value::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(Scalar::Other(list.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let object = serde_json::Value::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Scalar::Other(object.to_string()))
    }
}

/// Visitor methods for unexpected types. They accept the value and return the default.
macro_rules! nothing_else {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

/// The headers of a record. Lambda sends a list of objects with one name each. An object with several names is accepted
/// too. Anything else counts as no headers.
#[derive(Debug, Default)]
pub(crate) struct Headers(pub(crate) Vec<Header>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Accepts every JSON value; only a list or an object has headers.
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Headers;

            nothing_else!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut headers = Vec::new();
                while seq.next_element_seed(HeadersOf(&mut headers))?.is_some() {}
                Ok(Headers(headers))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let mut headers = Vec::new();
                HeadersOf(&mut headers).visit_map(map)?;
                Ok(Headers(headers))
            }
        }

        deserializer.deserialize_any(List)
    }
}

/// Reads one object of the list and adds its headers.
struct HeadersOf<'h>(&'h mut Vec<Header>);

impl<'de> DeserializeSeed<'de> for HeadersOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HeadersOf<'_> {
    type Value = ();

    nothing_else!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of a header")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, HeaderBytes(value))) = map.next_entry()? {
            self.0.push(Header { name, value });
        }
        Ok(())
    }
}

/// The value of a header. Lambda sends a list of Java's signed bytes, in which −1 means 255. Larger integers count
/// modulo 256. Other elements are skipped. A string counts as its UTF-8 bytes, and anything else as no bytes.
#[derive(Debug, Default)]
struct HeaderBytes(Vec<u8>);

impl<'de> Deserialize<'de> for HeaderBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Accepts every JSON value; only a list or a string has bytes.
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = HeaderBytes;

            nothing_else!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(HeaderBytes(text.as_bytes().to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut bytes = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if let Scalar::Integer(number) = element {
                        bytes.push(number.to_le_bytes()[0]);
                    }
                }
                Ok(HeaderBytes(bytes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(HeaderBytes::default())
            }
        }

        deserializer.deserialize_any(Bytes)
    }
}
