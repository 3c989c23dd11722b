//! Malformed events. A malformed field does not make its record unreadable if possible, and never affects
//! other records.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use kafka_batch::event::MskEvent;
use kafka_batch::{Header, KafkaBatch, Value};
use proptest::prelude::*;
use proptest::sample::select;

/// An event of an MSK cluster.
const MSK: &str = include_str!("events/msk.json");
/// An event of a self-managed cluster.
const SELF_MANAGED: &str = include_str!("events/self-managed.json");
/// An event of a mapping with a schema registry: Lambda sends decoded JSON in place of base64.
const SCHEMA_REGISTRY: &str = include_str!("events/schema-registry.json");

/// The batch of an event that must be valid.
fn decode(event: &str) -> KafkaBatch {
    KafkaBatch::decode(event.as_bytes()).unwrap_or_else(|error| panic!("{error}: {event}"))
}

/// A record between two normal ones.
fn among_others(fields: &str) -> String {
    let plain = |offset: u8| {
        format!(
            r#"{{"topic":"t","partition":0,"offset":{offset},"timestamp":1795209862000,"value":"aGk=","headers":[]}}"#
        )
    };
    format!(
        r#"{{"eventSource":"aws:kafka","records":{{"t-0":[{},{{"offset":2{fields}}},{}]}}}}"#,
        plain(1),
        plain(3)
    )
}

/// A record's partition, offset, timestamp, key, value and headers.
type Contents = (String, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<Header>);

/// The decoded content of a batch, for comparison.
fn contents(batch: &KafkaBatch) -> Vec<Contents> {
    let records =
        batch.partitions().flat_map(|partition| partition.iter().map(move |record| (partition, record)));
    records
        .map(|(partition, record)| {
            let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let (key, value) = (bytes(record.key()), bytes(record.value().raw()));
            (
                partition.id().to_owned(),
                record.offset(),
                record.timestamp_ms(),
                key,
                value,
                record.headers().to_vec(),
            )
        })
        .collect()
}

/// Writes a batch as an event, and decodes it again.
fn written_again(batch: &KafkaBatch) -> KafkaBatch {
    let mut event = MskEvent::new("arn:aws:kafka:local", "127.0.0.1:9092");
    for partition in batch.partitions() {
        for record in partition.iter() {
            let headers: Vec<_> =
                record.headers().iter().map(|h| (h.name.clone(), h.value.clone())).collect();
            let (topic, number) = (partition.topic(), partition.partition());
            let (key, value) = (record.key(), record.value().raw());
            event.push(topic, number, record.offset(), record.timestamp_ms(), key, value, &headers);
        }
    }
    KafkaBatch::decode(&event.to_json()).unwrap()
}

#[test]
fn events_of_each_kind_of_cluster_are_decoded_and_encoded_without_loss() {
    for event in [MSK, SELF_MANAGED, SCHEMA_REGISTRY] {
        let batch = decode(event);
        assert_eq!(contents(&written_again(&batch)), contents(&batch));
    }
    let msk = contents(&decode(MSK));
    assert_eq!(msk[0].5, [Header { name: "trace".into(), value: vec![0, 127, 128, 255] }]);
    assert_eq!(
        (&msk[0].3, &msk[1].3),
        (&Some(b"shop-7".to_vec()), &Some(Vec::new())),
        "an empty key is not a missing key"
    );
    let own = contents(&decode(SELF_MANAGED));
    let names: Vec<_> = own[0].5.iter().map(|header| (header.name.as_str(), header.value.len())).collect();
    assert_eq!(names, [("clientId", 3), ("clientId", 1), ("none", 0)]);
    assert_eq!((&own[0].3, &own[1].4), (&None, &None));
}

/// With a schema registry, Lambda sends JSON objects. The lanes park such records with their JSON text.
#[test]
fn a_key_or_value_that_is_not_a_string_makes_only_its_record_poison() {
    let batch = decode(SCHEMA_REGISTRY);
    let partition = batch.partitions().next().unwrap();
    assert_eq!(partition.get(0).payload(), Ok(&b"{\"a\":1}"[..]));
    assert_eq!(partition.get(1).payload(), Err("the event's value is not a string"));
    let value = serde_json::from_slice::<serde_json::Value>(partition.get(1).value().raw().unwrap()).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"a": 1, "b": ["x", null, 1.5, {"c": true}]}),
        "kept for the dead letter"
    );
    assert_eq!(partition.get(2).payload(), Err("the event's key is not a string"));
    assert_eq!(partition.get(2).key(), Some(&br#"{"shop":7}"#[..]));
    for (value, kept) in [
        ("7", "7"),
        ("-1.5", "-1.5"),
        ("true", "true"),
        ("[]", "[]"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let batch = decode(&among_others(&format!(r#","key":"aw==","value":{value}"#)));
        let partition = batch.partitions().next().unwrap();
        assert_eq!(partition.get(1).value(), Value::Undecodable(kept.as_bytes()));
        assert!(partition.get(1).payload().is_err());
        assert_eq!(
            (partition.get(0).payload(), partition.get(2).payload()),
            (Ok(&b"hi"[..]), Ok(&b"hi"[..]))
        );
    }
}

/// No table has a column for headers, so they must never be the reason to park a record.
#[test]
fn malformed_headers_are_kept_as_far_as_possible() {
    for (headers, expected) in [
        ("null", vec![]),
        ("{}", vec![]),
        ("7", vec![]),
        ("\"x\"", vec![]),
        ("[null,7,\"x\",[1],true,1.5]", vec![]),
        (r#"[{"trace":null}]"#, vec![("trace", &b""[..])]),
        (
            r#"[{"a":[1]},{"trace":null},null,{"b":[2]}]"#,
            vec![("a", b"\x01"), ("trace", b""), ("b", b"\x02")],
        ),
        (r#"{"a":[1],"b":[2]}"#, vec![("a", b"\x01"), ("b", b"\x02")]),
        (r#"[{"b":[1],"a":[2],"b":[3]}]"#, vec![("b", b"\x01"), ("a", b"\x02"), ("b", b"\x03")]),
        (r#"[{"a":[-129,128,255,256,300,-1,99999999999]}]"#, vec![("a", b"\x7f\x80\xff\x00\x2c\xff\xff")]),
        (r#"[{"a":[1,null,"x",1.5,[],{},true,2]}]"#, vec![("a", b"\x01\x02")]),
        (
            r#"[{"a":"text"},{"b":7},{"c":{"x":[1]}},{"d":false}]"#,
            vec![("a", b"text"), ("b", b""), ("c", b""), ("d", b"")],
        ),
        (r#"[{"\ud83d":[1]},{"":[2]}]"#, vec![("\u{fffd}", b"\x01"), ("", b"\x02")]),
    ] {
        let batch = decode(&among_others(&format!(r#","timestamp":5,"value":"aGk=","headers":{headers}"#)));
        let partition = batch.partitions().next().unwrap();
        assert_eq!(partition.len(), 3, "{headers}");
        let record = partition.get(1);
        let found: Vec<_> = record.headers().iter().map(|h| (h.name.as_str(), h.value.as_slice())).collect();
        assert_eq!(found, expected, "{headers}");
        assert_eq!((record.payload(), record.timestamp_ms()), (Ok(&b"hi"[..]), 5));
    }
    let batch = decode(&among_others(r#","value":"aGk=""#));
    assert!(batch.partitions().next().unwrap().get(1).headers().is_empty());
}

/// Producers choose the timestamps, and some write other units than milliseconds.
#[test]
fn a_malformed_timestamp_does_not_affect_the_record() {
    for (timestamp, expected, time) in [
        ("null", -1, None),
        ("-1", -1, None),
        ("0", 0, Some(0)),
        ("1795209862987.0", 1_795_209_862_987, Some(1_795_209_862_987)),
        ("1.795209862987e12", 1_795_209_862_987, Some(1_795_209_862_987)),
        ("\"1795209862987\"", 1_795_209_862_987, Some(1_795_209_862_987)),
        ("\"2026-11-20\"", -1, None),
        ("{}", -1, None),
        ("[1]", -1, None),
        ("true", -1, None),
        // Microseconds, nanoseconds, and larger numbers.
        ("1795209862987123", 1_795_209_862_987_123, None),
        ("1795209862987123456", 1_795_209_862_987_123_456, None),
        ("18446744073709551615", i64::MAX, None),
        ("-9223372036854775808", i64::MIN, None),
    ] {
        let batch = decode(&among_others(&format!(r#","timestamp":{timestamp},"value":"aGk=""#)));
        let record = batch.partitions().next().unwrap().get(1);
        assert_eq!((record.timestamp_ms(), record.time_ms()), (expected, time), "{timestamp}");
        assert_eq!(record.payload(), Ok(&b"hi"[..]));
    }
    let batch =
        decode(&among_others(r#","value":"aGk=","timestampType":null,"new":{"field":[1,{"a":null}]}"#));
    assert_eq!(batch.partitions().next().unwrap().get(1).timestamp_ms(), -1);
}

/// Such a record can be neither parked nor reported to Lambda, so the invocation must fail.
#[test]
fn a_record_without_an_offset_makes_the_event_invalid() {
    for record in ["{}", "null", "7", r#"{"offset":null}"#, r#"{"offset":"x"}"#, r#"{"offset":1.5}"#] {
        let event = format!(r#"{{"records":{{"t-0":[{{"offset":1}},{record}]}}}}"#);
        assert!(KafkaBatch::decode(event.as_bytes()).is_err(), "{event}");
    }
}

/// Any JSON value, as text.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "1",
            "-1",
            "255",
            "1e300",
            "1.5",
            "\"\"",
            "\"aGk=\"",
            "\"%\"",
            "\"\\ud83d\""
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        ".{0,8}".prop_map(|text| serde_json::json!(text).to_string()),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((".{0,4}", inner), 0..4).prop_map(|fields| {
                let field = |(name, value): &(String, String)| format!("{}:{value}", serde_json::json!(name));
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    /// The event is encoded and decoded again, so the dead letters of such records can be redriven.
    #[test]
    fn random_field_values_affect_neither_the_record_nor_the_others(
        (key, value, headers) in (json(), json(), json()),
        (timestamp, further) in (json(), json()),
    ) {
        let fields = format!(
            r#","key":{key},"value":{value},"headers":{headers},"timestamp":{timestamp},"timestampType":{further},"more":{further}"#
        );
        let batch = decode(&among_others(&fields));
        let partition = batch.partitions().next().unwrap();
        let offsets: Vec<_> = partition.iter().map(|record| record.offset()).collect();
        prop_assert_eq!(offsets, [1, 2, 3]);
        for neighbour in [0, 2] {
            prop_assert_eq!(partition.get(neighbour).payload(), Ok(&b"hi"[..]));
            prop_assert_eq!(partition.get(neighbour).time_ms(), Some(1_795_209_862_000));
        }
        prop_assert_eq!(contents(&written_again(&batch)), contents(&batch));
    }
}
