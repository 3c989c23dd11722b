//! The decoder accepts exactly the JSON that other readers accept, in every part of a record.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod texts;

use pipeline::{Field, FieldType, RecordDecoder, Value};
use proptest::prelude::*;
use texts::{json, perhaps_json};

/// A `json` field and a nullable string.
fn fields() -> [Field; 2] {
    [Field::new("j", FieldType::Json, false), Field::new("s", FieldType::String, true)]
}

fn decode(decoder: &RecordDecoder, record: &str) -> Result<Vec<Value<'static>>, String> {
    let mut row = Vec::new();
    match decoder.decode(record.as_bytes(), &mut row) {
        Ok(_) => Ok(row
            .into_iter()
            .map(|value| match value {
                Value::Text(text) => Value::Text(text.into_owned().into()),
                _ => Value::Null,
            })
            .collect()),
        Err(poison) => Err(poison.to_string()),
    }
}

/// Decodes a record whose `json` field is stored, so that `jsonb` must be able to hold it.
fn stored(record: &str) -> Result<Vec<Value<'static>>, String> {
    decode(&RecordDecoder::new(&fields()), record)
}

/// Whether Serde reads a text. `None` if it stops at a number beyond a double, which is valid JSON.
fn is_json(text: &str) -> Option<bool> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Some(true),
        // This checks the whole text, but not the values of numbers and not surrogates.
        Err(_) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() => Some(false),
        Err(error) => {
            if error.to_string().starts_with("number out of range") {
                None
            } else {
                Some(false)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn valid_json_is_accepted_and_kept_unchanged(text in json()) {
        prop_assume!(is_json(&text) != Some(false));
        let envelope = RecordDecoder::envelope(&fields());
        let row = decode(&envelope, &format!("{{\"j\": {text} }}"));
        prop_assert_eq!(row, Ok(vec![Value::Text(text.clone().into()), Value::Null]));
        // The content does not matter here, because it is not stored.
        let elsewhere = stored(&format!("{{\"other\":{text},\"j\":1}}"));
        prop_assert!(elsewhere.is_ok(), "{elsewhere:?}");
    }

    #[test]
    fn invalid_json_is_rejected_in_every_part_of_a_record(text in perhaps_json()) {
        let stands_alone = is_json(&text) == Some(true);
        for record in [format!("{{\"j\":{text}}}"), format!("{{\"other\":{text},\"j\":1}}"), format!("{{\"j\":[{{\"a\":{text}}}]}}")] {
            match stored(&record) {
                Ok(_) => prop_assert_ne!(is_json(&record), Some(false), "taken: {}", record),
                Err(reason) if stands_alone => {
                    prop_assert!(reason.ends_with("which jsonb cannot hold"), "refused: {record}: {reason}");
                }
                Err(_) => {}
            }
        }
    }

    #[test]
    fn a_string_is_decoded_as_serde_does(text in perhaps_json()) {
        let record = format!("{{\"j\":1,\"s\":{text}}}");
        let expected = serde_json::from_str::<Option<String>>(&text);
        if let (Ok(row), Ok(expected)) = (stored(&record), expected) {
            prop_assert_eq!(&row[1], &expected.map_or(Value::Null, |text| Value::Text(text.into())));
        }
    }

    #[test]
    fn no_text_causes_a_panic_and_no_error_quotes_the_record(text in "\\PC{0,60}") {
        if let Err(reason) = stored(&format!("{{\"j\":[\"secret\",{text}")) {
            prop_assert!(!reason.contains("secret"), "{reason}");
        }
    }
}

#[test]
fn invalid_json_is_reported_with_field_and_reason() {
    for (value, reason) in [
        (r#"{"t":"\ud83d"}"#, "not JSON: half of a surrogate pair in a string in field `j` (byte 11)"),
        (r#"{"t":"\ude00"}"#, "not JSON: half of a surrogate pair in a string in field `j` (byte 11)"),
        (r#"{"t":"\ud83d\u0041"}"#, "not JSON: half of a surrogate pair in a string in field `j` (byte 11)"),
        (r#"{"\ud83d":1}"#, "not JSON: half of a surrogate pair in a string in field `j` (byte 7)"),
        (r#"{"t":"\uZZZZ"}"#, "not JSON: an escape that JSON does not have in field `j` (byte 11)"),
        (r#"{"t":"\x41"}"#, "not JSON: an escape that JSON does not have in field `j` (byte 11)"),
        ("[\"a\tb\"]", "not JSON: a control character in a string in field `j` (byte 8)"),
        ("[01]", "not JSON: a number begins with 0 in field `j` (byte 6)"),
        ("[1.]", "not JSON: a digit is expected in field `j` (byte 8)"),
        ("[NaN]", "not JSON: a value is expected in field `j` (byte 6)"),
        ("[1,]", "not JSON: a value is expected in field `j` (byte 8)"),
        ("{\"a\":1,}", "not JSON: a key is expected in field `j` (byte 12)"),
        ("[1 2]", "not JSON: `,` or `]` is expected in field `j` (byte 8)"),
        ("1} x", "not JSON: something follows the value (byte 8)"),
    ] {
        assert_eq!(stored(&format!("{{\"j\":{value}}}")), Err(reason.to_owned()), "{value}");
    }
    assert_eq!(
        stored(r#"{"j":1,"s":"\ud83d"}"#),
        Err("not JSON: half of a surrogate pair in a string in field `s` (byte 12)".to_owned())
    );
    assert_eq!(
        stored(r#"{"x":"\ud83d","j":1}"#),
        Err("not JSON: half of a surrogate pair in a string in a field that the pipeline file does not name (byte 6)"
            .to_owned())
    );
}

#[test]
fn values_that_jsonb_cannot_hold_are_rejected_only_in_stored_json_fields() {
    let deep = format!("{}1e400000{}", "[".repeat(127), "]".repeat(127));
    let (long, small) = ("1".repeat(131_073), format!("0.{}1", "0".repeat(16_383)));
    for (value, what) in [
        (r#"{"t":"\u0000"}"#, "a NUL (`\\u0000`)"),
        (r#"[{"a\u0000b":1}]"#, "a NUL (`\\u0000`)"),
        ("1e400000", "a number beyond `numeric`"),
        ("[1E131072]", "a number beyond `numeric`"),
        ("1e-16384", "a number beyond `numeric`"),
        ("0e-16384", "a number beyond `numeric`"),
        ("0e1073741823", "a number beyond `numeric`"),
        ("1e99999999999999999999", "a number beyond `numeric`"),
        (&deep, "a number beyond `numeric`"),
        (&long, "a number beyond `numeric`"),
        (&small, "a number beyond `numeric`"),
    ] {
        let reason = format!("field `j` holds {what}, which jsonb cannot hold");
        assert_eq!(stored(&format!("{{\"j\":{value}}}")), Err(reason), "{what}");
        assert!(stored(&format!("{{\"j\":1,\"other\":{value}}}")).is_ok(), "{what}");
        assert!(decode(&RecordDecoder::envelope(&fields()), &format!("{{\"j\":{value}}}")).is_ok(), "{what}");
    }
    for holdable in
        ["1e131071", "1e-16383", "0e1073741822", r#""\\u0000""#, "1e400", "123456789012345678901234567890.5"]
    {
        assert!(stored(&format!("{{\"j\":{holdable}}}")).is_ok(), "{holdable}");
    }
    assert_eq!(
        stored(r#"{"j":1,"s":"\u0000"}"#).unwrap()[1],
        Value::Text("\0".into()),
        "only the lanes to Postgres park it"
    );
}

/// A parser that takes a quote for a part of a broken escape would see other strings than the check of the
/// nesting.
#[test]
fn deep_nesting_after_a_broken_escape_causes_no_stack_overflow() {
    for start in [r#"["\u" , ","#, r#"["\u","#, r#"["\"#, "[", r#"{"":"#, r#"[{"\u" :" :"#] {
        for open in ["[", "{\"a\":"] {
            for field in ["j", "s", "other"] {
                let record = format!("{{\"{field}\":{start}{}", open.repeat(500_000));
                assert!(stored(&record).is_err());
            }
        }
    }
}

/// The record itself is the first level.
#[test]
fn a_record_may_nest_at_most_128_levels() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for field in ["j", "other"] {
        let record = |value: String| {
            format!("{{\"{field}\":{value},\"{}\":1}}", if field == "j" { "s2" } else { "j" })
        };
        for deepest in [nested(127), objects(127)] {
            assert!(stored(&record(deepest)).is_ok());
        }
        for too_deep in [nested(128), objects(128)] {
            assert!(stored(&record(too_deep)).unwrap_err().starts_with("nested deeper than 128 levels"));
        }
    }
}

#[test]
fn repeated_keys_are_rejected_in_the_record_and_kept_in_a_json_field() {
    assert_eq!(stored(r#"{"j":1,"j":1}"#), Err("field `j` occurs twice".to_owned()));
    assert_eq!(stored(r#"{"j":1,"\u006a":1}"#), Err("field `j` occurs twice".to_owned()));
    assert_eq!(
        stored(r#"{"j":{"a":1,"a":2},"x":1,"x":2}"#).unwrap()[0],
        Value::Text(r#"{"a":1,"a":2}"#.into())
    );
}

/// Texts that users of other systems have reported.
#[test]
fn output_of_other_serializers_is_rejected_with_the_cause() {
    for (record, reason) in [
        // The framing of a schema registry: a zero byte and the number of the schema.
        (
            &b"\0\0\0\0\x01{\"j\":1}"[..],
            "not JSON: it begins with a NUL, like the output of a schema registry's serializer",
        ),
        (
            b"\0\0\0\x01\xff{\"j\":1}",
            "not JSON: it begins with a NUL, like the output of a schema registry's serializer",
        ),
        (b"\xef\xbb\xbf{\"j\":1}", "not JSON: it begins with a byte order mark"),
        // A C string that is sent with its terminating zero.
        (b"{\"j\":1}\0", "not JSON: something follows the value (byte 7)"),
        // Two records in one, and a list of two records.
        (b"{\"j\":1}\n{\"j\":2}", "not JSON: something follows the value (byte 8)"),
        (b"[{\"j\":1}]", "the record is a list, not an object"),
        // JSON within a JSON string.
        (b"\"{\\\"j\\\":1}\"", "the record is a string, not an object"),
        // Floats as Python and Java write them.
        (b"{\"j\":NaN}", "not JSON: a value is expected in field `j` (byte 5)"),
        (b"{\"j\":-Infinity}", "not JSON: a digit is expected in field `j` (byte 6)"),
        (b"\xff\xfe{\0", "not JSON: not UTF-8"),
        (b"{'j':1}", "not JSON: a key or `}` is expected (byte 1)"),
    ] {
        let mut row = Vec::new();
        let poison = RecordDecoder::new(&fields()).decode(record, &mut row).unwrap_err();
        assert_eq!(poison.to_string(), reason);
    }
    assert!(stored("{\"j\":1}\r\n").is_ok(), "a line's end");
}
