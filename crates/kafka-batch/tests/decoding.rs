//! Decoding returns the records that were written to an event. For any other input it returns a batch or an
//! error, and does not panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lambda_events::kafka::KafkaEvent;
use kafka_batch::event::MskEvent;
use kafka_batch::{BatchOutcome, BatchResponse, Fault, KafkaBatch, PartitionOutcome, Tally, Value};
use proptest::prelude::*;

/// A record as it is written: topic, partition, offset, timestamp, key, value and headers.
type Written = (String, i32, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Vec<u8>)>);

/// Random records of a few topics and partitions, with repeated offsets.
fn record() -> impl Strategy<Value = Written> {
    (
        "[a-z][a-z.-]{0,8}",
        0..3_i32,
        0..1_000_i64,
        any::<i64>(),
        any::<Option<Vec<u8>>>(),
        any::<Option<Vec<u8>>>(),
        proptest::collection::vec((".{0,5}", any::<Vec<u8>>()), 0..3),
    )
}

/// The JSON of an event with these records.
fn write(records: &[Written]) -> Vec<u8> {
    let mut event = MskEvent::new("arn:aws:kafka:local", "127.0.0.1:9092");
    for (topic, partition, offset, timestamp, key, value, headers) in records {
        event.push(topic, *partition, *offset, *timestamp, key.as_deref(), value.as_deref(), headers);
    }
    event.to_json()
}

proptest! {
    #[test]
    fn every_record_is_decoded_unchanged_in_the_order_of_offsets(records in proptest::collection::vec(record(), 0..40)) {
        let json = write(&records);
        let batch = KafkaBatch::decode(&json).unwrap();
        prop_assert_eq!(batch.len(), records.len());
        for partition in batch.partitions() {
            let mut expected: Vec<_> = records
                .iter()
                .filter(|r| r.0 == partition.topic() && r.1 == partition.partition())
                .collect();
            expected.sort_by_key(|r| r.2);
            prop_assert_eq!(partition.len(), expected.len());
            for (record, written) in partition.iter().zip(expected) {
                prop_assert_eq!(record.offset(), written.2);
                prop_assert_eq!(record.timestamp_ms(), written.3);
                prop_assert_eq!(record.key(), written.4.as_deref());
                prop_assert_eq!(record.value().raw(), written.5.as_deref());
                prop_assert_eq!(record.value() == Value::Tombstone, written.5.is_none());
                let headers: Vec<_> = record.headers().iter().map(|h| (h.name.clone(), h.value.clone())).collect();
                prop_assert_eq!(&headers, &written.6);
            }
        }
    }

    /// `aws_lambda_events` has the type that other Rust functions use. It accepts only timestamps that are
    /// valid times.
    #[test]
    fn the_published_event_type_parses_our_events(records in proptest::collection::vec(record(), 1..10)) {
        let records: Vec<_> = records.into_iter().map(|mut r| { r.3 &= 0xff_ffff_ffff; r }).collect();
        let parsed: KafkaEvent = serde_json::from_slice(&write(&records)).unwrap();
        prop_assert_eq!(parsed.records.values().map(Vec::len).sum::<usize>(), records.len());
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in any::<Vec<u8>>()) {
        let _ = KafkaBatch::decode(&bytes);
    }
}

#[test]
fn the_example_of_the_documentation_is_decoded() {
    let json = br#"{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-1:123456789012:cluster/vpc/abc",
        "bootstrapServers":"b-2.demo:9092,b-1.demo:9092","records":{"my-topic-0":[{"topic":"my-topic","partition":0,
        "offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"YWJjREVGPQ==",
        "value":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==","headers":[{"headerKey":[104,-1]}]}]}}"#;
    let batch = KafkaBatch::decode(json).unwrap();
    let partition = batch.partitions().next().unwrap();
    assert_eq!((partition.topic(), partition.partition(), partition.id()), ("my-topic", 0, "my-topic-0"));
    let record = partition.get(0);
    assert_eq!(record.value(), Value::Bytes(b"Hello, this is a test."));
    assert_eq!(record.headers()[0].value, [104, 255]);
}

#[test]
fn a_value_that_is_not_base64_is_kept_and_does_not_affect_the_others() {
    let json = br#"{"records":{"t-0":[{"offset":1,"value":"%%"},{"offset":2,"value":"aGk="}]}}"#;
    let batch = KafkaBatch::decode(json).unwrap();
    let partition = batch.partitions().next().unwrap();
    assert_eq!(partition.get(0).value(), Value::Undecodable(b"%%"));
    assert_eq!(partition.get(1).value(), Value::Bytes(b"hi"));
}

/// An empty success would make Lambda commit records that were not read.
#[test]
fn an_event_without_a_map_of_records_is_rejected() {
    for json in [
        &b"{}"[..],
        b"[]",
        b"null",
        b"{\"records\":[]}",
        b"{\"records\":{\"nodash\":[]}}",
        b"{\"records\":{}} x",
    ] {
        assert!(KafkaBatch::decode(json).is_err(), "{}", String::from_utf8_lossy(json));
    }
}

/// The response must then not be a success, because Lambda would commit all records.
#[test]
fn an_outcome_without_a_record_or_a_partition_is_an_error() {
    let json = br#"{"records":{"t-0":[{"offset":1},{"offset":2}],"t-1":[{"offset":7}]}}"#;
    let batch = KafkaBatch::decode(json).unwrap();
    let partitions: Vec<_> = batch.partitions().collect();

    let mut outcome = BatchOutcome::default();
    outcome.push(PartitionOutcome::handled(&partitions[0], Tally { stored: 1, ..Tally::default() }));
    assert!(outcome.response(&batch).is_err(), "one of two records");

    let mut outcome = BatchOutcome::default();
    outcome.push(PartitionOutcome::handled(&partitions[0], Tally { stored: 1, parked: 1, duplicates: 0 }));
    assert!(outcome.response(&batch).is_err(), "t-1 has no outcome");

    outcome.retry([partitions[1]], Fault { needs_action: false, message: "broken".into() });
    let response = outcome.response(&batch).unwrap();
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-1","offset":7}}]}"#
    );
    assert_eq!(serde_json::from_str::<BatchResponse>("{}").unwrap(), BatchResponse::default());
}
