//! JSON pointers (RFC 6901). They are resolved without building the document in memory, because an answer of 8 MB would
//! need 100 MB.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON pointer to a part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The pointer as it was written.
    text: String,
    /// The unescaped parts between the slashes.
    tokens: Vec<String>,
}

/// The text is not a JSON pointer; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a JSON pointer such as /data/0/date ('~' is written ~0, and '/' in a name ~1)")]
pub struct BadPointer(String);

impl FromStr for Pointer {
    type Err = BadPointer;

    fn from_str(text: &str) -> Result<Self, BadPointer> {
        let bad = || BadPointer(text.to_owned());
        let tokens = text.strip_prefix('/').ok_or_else(bad)?.split('/');
        let tokens: Option<Vec<String>> = tokens.map(unescaped).collect();
        Ok(Self { text: text.to_owned(), tokens: tokens.ok_or_else(bad)? })
    }
}

/// Replaces `~0` by `~` and `~1` by `/`. `None` if another character follows a `~`.
fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = part
            .strip_prefix('0')
            .map(|rest| ('~', rest))
            .or_else(|| part.strip_prefix('1').map(|rest| ('/', rest)))?;
        name.push(character);
        name.push_str(rest);
    }
    Some(name)
}

impl fmt::Display for Pointer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Pointer {
    /// Finds the part of `json` that the pointer refers to; `None` if there is none. If an object has the same name
    /// several times, the last one counts.
    ///
    /// # Errors
    /// `json` is not valid JSON.
    pub(crate) fn find<'j>(&self, json: &'j str) -> Result<Option<&'j RawValue>, serde_json::Error> {
        let mut document = serde_json::Deserializer::from_str(json);
        let found = Step(&self.tokens).deserialize(&mut document)?;
        document.end()?;
        Ok(found)
    }
}

/// The remaining tokens of a pointer. As a visitor it finds the value that they refer to, and skips all
/// others. A scalar has no parts, so the result is `None`.
struct Step<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return <&RawValue>::deserialize(value).map(Some);
        }
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let Some((token, rest)) = self.0.split_first() else { return Ok(None) };
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if name.0 == token.as_str() {
                found = map.next_value_seed(Step(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let Some((token, rest)) = self.0.split_first() else { return Ok(None) };
        if let Some(index) = index(token) {
            for _ in 0..index {
                if sequence.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = sequence.next_element_seed(Step(rest))?.flatten();
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A name in an object. It is copied only if it has escapes.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

/// Parses an index of an array: digits only, without leading zeros.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (token == "0" || !token.starts_with('0')) { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The JSON text that the pointer refers to.
    fn found(pointer: &str, json: &str) -> Option<String> {
        pointer.parse::<Pointer>().unwrap().find(json).unwrap().map(|raw| raw.get().to_owned())
    }

    #[test]
    fn a_pointer_finds_parts_of_objects_and_arrays() {
        let json = r#"{"data":[{"date":"2023"}],"a/b":{"~":1.50},"é":null,"n":1}"#;
        assert_eq!(found("/data/0/date", json).as_deref(), Some("\"2023\""));
        assert_eq!(found("/a~1b/~0", json).as_deref(), Some("1.50"), "a number as it was written");
        assert_eq!(found("/é", json).as_deref(), Some("null"));
        for absent in ["/data/1", "/data/00", "/data/-", "/data/+0", "/n/x", "/x", "/data/0/date/0", "/"] {
            assert_eq!(found(absent, json), None, "{absent}");
        }
        assert_eq!(found("/a", r#"{"a":1,"\u0061":2}"#).as_deref(), Some("2"), "the last of two");
        assert_eq!(
            found("/a", &format!("{{\"x\":{}{},\"a\":1}}", "[".repeat(9999), "]".repeat(9999))).as_deref(),
            Some("1")
        );
    }

    #[test]
    fn a_text_that_is_not_a_pointer_is_rejected() {
        for bad in ["", "data", "/a~", "/a~2b"] {
            assert!(bad.parse::<Pointer>().is_err(), "{bad:?}");
        }
    }

    /// Random documents with keys that pointers must escape.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c/~\"é]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c/~\"é01]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The result is that of `serde_json::Value::pointer` for every document and pointer.
        #[test]
        fn it_finds_the_same_part_as_serde_json(
            value in json(),
            tokens in prop::collection::vec("[a-cé0-3]{0,2}|~0|~1|01", 1..4),
        ) {
            let pointer = format!("/{}", tokens.join("/"));
            let text = value.to_string();
            let found = pointer.parse::<Pointer>().unwrap().find(&text).unwrap();
            let found = found.map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap());
            prop_assert_eq!(found.as_ref(), value.pointer(&pointer));
        }

        #[test]
        fn no_text_makes_it_panic(pointer in "[/~01a]{0,6}", json in "[\\[\\]{}:,\"a0\\\\u]{0,12}") {
            if let Ok(pointer) = pointer.parse::<Pointer>() {
                let _ = pointer.find(&json);
            }
        }
    }
}
