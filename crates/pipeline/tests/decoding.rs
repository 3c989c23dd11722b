//! Valid records are decoded exactly. Invalid ones are poison with a reason. No input causes a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pipeline::{Field, Pipeline, RecordDecoder, Value};
use proptest::prelude::*;

/// The decoder of the topic `rooms-v1`.
fn rooms() -> RecordDecoder {
    let yaml = include_str!("../../../pipelines/rooms-v1.yaml");
    RecordDecoder::new(&Pipeline::from_yaml(yaml, "rooms-v1.yaml").unwrap().fields)
}

/// A decoder for fields in the form of a pipeline file, as JSON.
fn decoder(fields: &str) -> RecordDecoder {
    RecordDecoder::new(&serde_json::from_str::<Vec<Field>>(fields).unwrap())
}

/// The decoded row as text, or the reason.
fn decode(decoder: &RecordDecoder, record: &[u8]) -> Result<String, String> {
    let mut row = Vec::new();
    match decoder.decode(record, &mut row) {
        Ok(extra) => Ok(format!("{row:?} +{extra}")),
        Err(poison) => Err(poison.to_string()),
    }
}

/// The reason why the record is poison.
fn reason(record: &str) -> String {
    decode(&rooms(), record.as_bytes()).unwrap_err()
}

#[test]
fn a_room_count_is_decoded_with_and_without_a_fraction_of_the_time() {
    let mut row = Vec::new();
    let record = br#"{"ts": "2021-08-14 22:55:50.123456", "room": "A", "count": 2}"#;
    assert_eq!(rooms().decode(record, &mut row), Ok(0));
    assert_eq!(row, [Value::Timestamp(1_628_981_750_123_456), Value::Text("A".into()), Value::Integer(2)]);
    let record = br#"{"count":-9223372036854775808,"room":"","ts":"2021-08-14 22:55:50"}"#;
    assert_eq!(rooms().decode(record, &mut row), Ok(0));
    assert_eq!(
        row,
        [Value::Timestamp(1_628_981_750_000_000), Value::Text("".into()), Value::Integer(i64::MIN)]
    );
}

#[test]
fn every_room_name_is_kept_unchanged() {
    for name in ["O'B", "", "Zimmer 7 🚪", "a\"\\\n\t\u{0}", &"x".repeat(10_240), "\u{10ffff}"] {
        let record = serde_json::json!({"ts": "2021-08-14 22:55:50", "room": name, "count": 1}).to_string();
        let mut row = Vec::new();
        rooms().decode(record.as_bytes(), &mut row).unwrap();
        assert_eq!(row[1], Value::Text(name.into()));
    }
}

#[test]
fn every_invalid_record_is_poison_that_names_the_field() {
    let with_count = |count: &str| format!(r#"{{"ts":"2021-08-14 22:55:50","room":"A","count":{count}}}"#);
    assert!(reason("hello").starts_with("not JSON"));
    assert!(reason("").starts_with("not JSON"));
    assert!(reason(r#"{"ts":"2021-08-14 22:55:50","room":"A","count":2"#).starts_with("not JSON"));
    assert!(reason(&format!("{} x", with_count("1"))).starts_with("not JSON"));
    assert_eq!(reason("null"), "the record is null, not an object");
    assert_eq!(reason("[1]"), "the record is a list, not an object");
    assert_eq!(reason("\"a\""), "the record is a string, not an object");
    assert_eq!(reason("7"), "the record is a number, not an object");
    assert_eq!(reason("true"), "the record is a boolean, not an object");
    assert_eq!(reason(r#"{"ts":"2021-08-14 22:55:50","room":"A"}"#), "field `count` is missing");
    assert_eq!(
        reason(r#"{"ts":"2021-08-14 22:55:50","room":"A","count":1,"count":1}"#),
        "field `count` occurs twice"
    );
    for (count, found) in [
        ("\"2\"", "a string"),
        ("2.5", "a number with a fraction"),
        ("2e-1", "a number with a fraction"),
        ("9223372036854775808", "an integer beyond 64 bits"),
        ("-9223372036854775809", "an integer beyond 64 bits"),
        ("1e400", "an integer beyond 64 bits"),
        ("null", "null"),
        ("true", "a boolean"),
        ("[]", "a list"),
        ("{}", "an object"),
    ] {
        let reason = reason(&with_count(count));
        assert!(reason.contains(found), "{count}: {reason}");
        assert!(reason.contains("`count`"), "{count}: {reason}");
    }
    assert!(reason(r#"{"ts":"yesterday","room":"A","count":1}"#).contains("`ts` must be timestamp"));
    assert_eq!(
        reason(r#"{"ts":"0001-01-01 00:00:00+00:01","room":"A","count":1}"#),
        "field `ts` must be timestamp, but is a time outside the years 1 to 9999"
    );
    assert!(reason(r#"{"ts":"2021-02-30 00:00:00","room":"A","count":1}"#).contains("`ts`"));
    assert!(
        reason(r#"{"ts":"2021-08-14 22:55:50","room":1,"count":1}"#)
            .contains("`room` must be string, but is a number")
    );
}

#[test]
fn invalid_utf8_and_lone_surrogates_are_poison() {
    let mut record = br#"{"ts":"2021-08-14 22:55:50","room":"A","count":1}"#.to_vec();
    let at = record.iter().position(|&byte| byte == b'A').unwrap();
    record[at] = 0xff;
    assert_eq!(decode(&rooms(), &record).unwrap_err(), "not JSON: not UTF-8");
    assert!(reason(r#"{"ts":"2021-08-14 22:55:50","room":"\ud800","count":1}"#).starts_with("not JSON"));
}

#[test]
fn unknown_fields_are_counted_and_may_have_any_value() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let record = format!(r#"{{"x":{deep},"ts":"2021-08-14 22:55:50","room":"A","count":1,"y":{{"ts":1}}}}"#);
    assert!(decode(&rooms(), record.as_bytes()).unwrap().ends_with("+2"));
}

#[test]
fn brackets_within_a_string_do_not_count_as_depth() {
    let record = format!(r#"{{"ts":"2021-08-14 22:55:50","room":"\"{}","count":1}}"#, "[".repeat(500));
    assert!(decode(&rooms(), record.as_bytes()).is_ok());
}

/// A recursive parser would overflow the stack, which ends the process.
#[test]
fn a_million_brackets_cause_no_stack_overflow() {
    for open in ["[", "{\"a\":"] {
        let record = format!(r#"{{"x":{}"#, open.repeat(1_000_000));
        assert!(decode(&rooms(), record.as_bytes()).is_err());
        let json = decoder(r#"[{"name":"x","type":"json"}]"#);
        assert!(decode(&json, record.as_bytes()).is_err());
    }
}

#[test]
fn nested_nullable_decimal_boolean_and_json_fields_are_decoded() {
    let decoder = decoder(
        r#"[{"name":"id","type":"int32"},
            {"name":"who","type":"struct","nullable":true,"fields":[{"name":"name","type":"string"},{"name":"vip","type":"boolean","nullable":true}]},
            {"name":"price","type":"decimal(10,2)"},{"name":"tags","type":"json","nullable":true},
            {"name":"at","type":"timestamp","format":"epoch_seconds","nullable":true},{"name":"day","type":"date","nullable":true},
            {"name":"ratio","type":"float64","nullable":true}]"#,
    );
    let mut row = Vec::new();
    let record = br#"{"id":7,"who":{"name":"Ann"},"price":12.5,"tags":{"a": [1,2]},"at":1664624846.762738,"day":"2026-11-21","ratio":5}"#;
    assert_eq!(decoder.decode(record, &mut row), Ok(0));
    assert_eq!(
        row,
        [
            Value::Integer(7),
            Value::Present,
            Value::Text("Ann".into()),
            Value::Null,
            Value::Decimal(1250),
            Value::Text(r#"{"a": [1,2]}"#.into()),
            Value::Timestamp(1_664_624_846_762_738),
            Value::Date(20_778),
            Value::Float(5.0),
        ]
    );
    assert_eq!(decoder.decode(br#"{"id":7,"who":null,"price":"-0.10"}"#, &mut row), Ok(0));
    assert_eq!((&row[1], &row[4], &row[5]), (&Value::Null, &Value::Decimal(-10), &Value::Null));
    for (record, expected) in [
        (r#"{"id":7,"who":{"vip":true},"price":1}"#, "field `who.name` is missing"),
        (r#"{"id":7,"who":{"name":null},"price":1}"#, "field `who.name` must be string, but is null"),
        (r#"{"id":7,"who":5,"price":1}"#, "field `who` must be struct, but is a number"),
        (r#"{"id":2147483648,"price":1}"#, "field `id` must be int32, but is an integer beyond 32 bits"),
        (
            r#"{"id":1,"price":0.001}"#,
            "field `price` must be decimal(10,2), but is a value that it cannot hold exactly",
        ),
        (
            r#"{"id":1,"price":123456789}"#,
            "field `price` must be decimal(10,2), but is a value that it cannot hold exactly",
        ),
        (
            r#"{"id":1,"price":1e-3}"#,
            "field `price` must be decimal(10,2), but is a value that it cannot hold exactly",
        ),
    ] {
        assert_eq!(decode(&decoder, record.as_bytes()).unwrap_err(), expected);
    }
    assert!(decode(&decoder, br#"{"id":1,"price":99999999.99}"#).is_ok());
    assert!(decode(&decoder, br#"{"id":1,"price":100000000.00}"#).is_err());
}

proptest! {
    #[test]
    fn random_bytes_give_a_row_or_a_reason(bytes in any::<Vec<u8>>()) {
        let _ = decode(&rooms(), &bytes);
    }

    #[test]
    fn random_json_gives_a_row_or_a_reason(text in r#"\{("(ts|room|count|x)":("[^"\\]{0,9}"|-?[0-9]{1,22}|null|\[\]|1\.5),?){0,4}\}?"#) {
        let _ = decode(&rooms(), text.as_bytes());
    }

    #[test]
    fn every_room_and_count_are_decoded_unchanged(room in ".*", count in any::<i64>(), micros in 0..1_000_000_u32) {
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
        let record = serde_json::json!({"ts": format!("2026-11-20 21:24:22{fraction}"), "room": room, "count": count}).to_string();
        let mut row = Vec::new();
        prop_assert_eq!(rooms().decode(record.as_bytes(), &mut row), Ok(0));
        prop_assert_eq!(&row[0], &Value::Timestamp(1_795_209_862_000_000 + i64::from(micros)));
        prop_assert_eq!(&row[1], &Value::Text(room.as_str().into()));
        prop_assert_eq!(&row[2], &Value::Integer(count));
    }

    #[test]
    fn a_decimal_is_decoded_exactly_or_rejected(unscaled in -99_999_999_999_i64..99_999_999_999) {
        let decoder = decoder(r#"[{"name":"d","type":"decimal(9,3)"}]"#);
        let sign = if unscaled < 0 { "-" } else { "" };
        let (whole, fraction) = (unscaled.abs() / 1000, unscaled.abs() % 1000);
        let record = format!(r#"{{"d":{sign}{whole}.{fraction:03}}}"#);
        let mut row = Vec::new();
        match decoder.decode(record.as_bytes(), &mut row) {
            Ok(_) => prop_assert_eq!(&row[0], &Value::Decimal(i128::from(unscaled))),
            Err(_) => prop_assert!(unscaled.abs() > 999_999_999),
        }
    }
}
