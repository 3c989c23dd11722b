//! Parses events from JSON: one object, an array of objects, or one object per line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::event::Event;
use crate::fields::{Fields, Given, MOST_EXTRA, Rejection};

/// The largest number of fields in an object. An event has 9 known fields, so this leaves room for the unknown ones.
const MOST_FIELDS: usize = 2 * MOST_EXTRA;

/// The form of a JSON body.
#[derive(Debug)]
pub(crate) enum Items<'a> {
    /// A single object.
    One(&'a [u8]),
    /// The elements of an array.
    Elements(Vec<&'a RawValue>),
    /// The lines that are not blank, with one event each.
    Lines(Vec<&'a [u8]>),
}

/// Detects the form of the body. A body that is one JSON object is a single event, even if it spans several
/// lines. Otherwise, if the second line begins with an object, each line is an event.
///
/// # Errors
/// [`Rejection`] if the body begins with `[` and is not a JSON array.
pub(crate) fn items(body: &[u8]) -> Result<Items<'_>, Rejection> {
    let body = body.trim_ascii();
    if body.first() == Some(&b'[') {
        return serde_json::from_slice(body).map(Items::Elements).map_err(|error| not_json(&error));
    }
    let mut further = lines(body).skip(1).peekable();
    let is_object = |line: &&[u8]| line.first() == Some(&b'{');
    if further.peek().is_some_and(is_object) && serde_json::from_slice::<&RawValue>(body).is_err() {
        return Ok(Items::Lines(lines(body).collect()));
    }
    Ok(Items::One(body))
}

/// The lines of a body, without blank lines.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// Parses the event of one object.
///
/// # Errors
/// [`Rejection`] without single problems if the text is not a JSON object in UTF-8 of at most [`MOST_FIELDS`]
/// fields; otherwise with the problems of the fields.
pub(crate) fn event(json: &[u8]) -> Result<Event, Rejection> {
    let text = std::str::from_utf8(json).map_err(|_| Rejection::unreadable("not JSON: not UTF-8"))?;
    match serde_json::from_str::<Object>(text) {
        Ok(Object(fields)) => Event::of(Fields::new(fields)),
        Err(error) => Err(not_json(&error)),
    }
}

/// A rejection with the position of the parser's error, as line and column. It leaves out the parser's
/// message, because the message may quote values.
fn not_json(error: &serde_json::Error) -> Rejection {
    if error.is_data() {
        let most = format!("not an event: it must be an object of at most {MOST_FIELDS} fields");
        return Rejection::unreadable(most);
    }
    let ends = if error.is_eof() { "it ends too early, " } else { "" };
    Rejection::unreadable(format!("not JSON: {ends}line {}, column {}", error.line(), error.column()))
}

/// An object's fields in their order, including repeated fields. A map type would keep only one of them.
/// Values stay unparsed JSON, so numbers keep their digits.
struct Object<'a>(Vec<(Cow<'a, str>, Given<'a>)>);

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'a> Visitor<'a> for Pairs {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, json)) = map.next_entry::<String, &'a RawValue>()? {
                    if fields.len() == MOST_FIELDS {
                        return Err(A::Error::custom("too many fields"));
                    }
                    fields.push((Cow::Owned(name), Given::Json(json)));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A valid event, with an integer and an exponent among its numbers.
    const GOOD: &str = r#"{"timestamp":1664624846.762738,"make":"Ford","model":"Explorer","position_x":0.00499,
        "position_y":2.4563888155285308e-05,"position_z":0.0045,"speed":2,"vin":"GD9KE1GANAGOCJ64E"}"#;

    fn read(json: &str) -> Result<Event, Rejection> {
        event(json.as_bytes())
    }

    /// The names of the fields with problems, of an object that must be rejected.
    fn bad_fields(json: &str) -> Vec<String> {
        read(json).unwrap_err().errors.into_iter().map(|error| error.field).collect()
    }

    /// The valid event with one more field at its beginning.
    fn with(field: &str) -> String {
        GOOD.replacen('{', &format!("{{{field},"), 1)
    }

    #[test]
    fn an_object_is_accepted_with_integers_and_exponents_as_numbers() {
        let event = read(GOOD).unwrap();
        assert_eq!((event.speed, event.timestamp.as_str()), (2.0, "1664624846.762738"));
        assert!((read(&GOOD.replace("\"speed\":2", "\"speed\":1e5")).unwrap().speed - 1e5).abs() < 1e-9);
    }

    #[test]
    fn a_number_field_accepts_no_text_and_a_text_field_no_number() {
        for bad in ["\"2\"", "null", "true", "[]", "{}", "1e400", "-1e999"] {
            assert_eq!(
                bad_fields(&GOOD.replace("\"speed\":2", &format!("\"speed\":{bad}"))),
                ["speed"],
                "{bad}"
            );
        }
        for bad in ["7", "null", "[\"a\"]", "\"\"", r#""a\u0000""#, r#""a\ud800""#, r#""\ufffd""#] {
            assert_eq!(bad_fields(&GOOD.replace("\"Explorer\"", bad)), ["model"], "{bad}");
        }
        assert_eq!(read(&GOOD.replace("Explorer", r"O'N\u0065il")).unwrap().model, "O'Neil");
    }

    /// The response must not repeat values of the request, because clients and proxies log responses.
    #[test]
    fn the_rejection_of_invalid_json_does_not_quote_it() {
        for bad in [
            "secret",
            "\"secret\"",
            "7",
            "null",
            "[1]",
            "{\"secret\":",
            "{\"secret\":1,}",
            "{} {}",
            "{\"a\":NaN}",
        ] {
            let rejection = read(bad).unwrap_err();
            assert!(
                rejection.errors.is_empty() && !rejection.error.contains("secret"),
                "{bad}: {rejection:?}"
            );
            assert!(rejection.error.starts_with("not "), "{bad}: {rejection:?}");
        }
        assert!(event(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn repeated_keys_and_nesting_beyond_127_levels_are_rejected() {
        assert_eq!(bad_fields(&with("\"speed\":2")), ["speed"]);
        assert_eq!(bad_fields(&with("\"sp\\u0065ed\":2")), ["speed"]);
        assert_eq!(bad_fields(&with(r#""colour":1,"colour":1"#)), ["colour"]);
        let nested = |depth: usize| with(&format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(read(&nested(127)).is_ok());
        assert_eq!(bad_fields(&nested(128)), ["x"]);
        assert_eq!(bad_fields(&nested(100_000)), ["x"]);
    }

    #[test]
    fn unknown_fields_are_kept_unchanged_and_a_null_event_id_is_ignored() {
        let event = read(&with(r#""battery":{"level":12345678901234567890123},"event_id":null"#)).unwrap();
        assert_eq!(event.extra, [("battery".to_owned(), r#"{"level":12345678901234567890123}"#.to_owned())]);
        assert_eq!(event.event_id, None);
        assert_eq!(bad_fields(&with(r#""event_id":7"#)), ["event_id"]);
        assert_eq!(bad_fields(&with(r#""a":1e999"#)), ["a"]);
    }

    #[test]
    fn an_object_an_array_and_lines_are_detected() {
        let kind = |body: &str| match items(body.as_bytes()) {
            Ok(Items::One(_)) => "one".to_owned(),
            Ok(Items::Elements(elements)) => format!("{} elements", elements.len()),
            Ok(Items::Lines(lines)) => format!("{} lines", lines.len()),
            Err(rejection) => rejection.error,
        };
        assert_eq!(kind("{\n\"a\":\n{\"b\":1}\n}"), "one");
        assert_eq!(kind(" [{},\n{},7] "), "3 elements");
        assert_eq!(kind("[]"), "0 elements");
        assert_eq!(kind("{}\r\n\r\n{}\n"), "2 lines");
        assert_eq!(kind("{broken\n{}"), "2 lines");
        assert_eq!(kind("[{},{]"), "not JSON: line 1, column 6");
        assert_eq!(kind("nonsense"), "one");
    }
}
