//! The event of Lambda's Kafka event source, and the records in it.

use bench_events::room_counts;
use kafka_batch::KafkaBatch;
use kafka_batch::event::MskEvent;
use pipeline::{Layout, Pipeline, RecordDecoder};
use proptest::prelude::*;
use serde::de::IgnoredAny;

use crate::damage::survives;

/// An event with the unusual values that Kafka allows: null and empty keys and values, the largest offset, a timestamp
/// of -1, header bytes that are not UTF-8.
fn event() -> Vec<u8> {
    let mut event = MskEvent::new("arn:aws:kafka:eu-central-1:1:cluster/c/0", "b-1:9098");
    event.push("a.b-1", 0, 0, 1_795_209_862_000, None, None, &[]);
    let headers = [("trace".to_owned(), vec![0x80, 0x7F]), (String::new(), Vec::new())];
    event.push("a.b-1", 0, i64::MAX, -1, Some(b"\xff\x00"), Some(b""), &headers);
    event.push("a.b-1", 11, 3, 0, Some(b"key"), Some(b"{\"count\":1}"), &[]);
    event.to_json()
}

/// Calls every accessor of a batch. Returns one line per record with all their results.
fn contents(batch: &KafkaBatch) -> Vec<String> {
    let records = batch.partitions().flat_map(|partition| {
        let id = partition.id().to_owned();
        let place = format!("{id} {} {}", partition.topic(), partition.partition());
        let record = move |record: kafka_batch::RecordRef<'_>| {
            let (key, value, payload) = (record.key(), record.value(), record.payload());
            let times = (record.timestamp_ms(), record.time_ms());
            format!(
                "{place} {} {times:?} {key:?} {value:?} {payload:?} {:?}",
                record.offset(),
                record.headers()
            )
        };
        partition.iter().map(record).collect::<Vec<_>>()
    });
    records.collect()
}

/// Each event is decoded into a new batch and into one that already contained records (`refill`). Both must give the
/// same records or the same error.
#[test]
fn a_damaged_event_is_read_or_refused_with_a_reason() {
    survives(&[&event(), &room_counts(3)], |bytes| {
        let mut used = KafkaBatch::decode(&room_counts(9)).unwrap();
        match (KafkaBatch::decode(bytes), used.refill(bytes)) {
            (Ok(batch), Ok(())) => {
                let read = contents(&batch);
                prop_assert_eq!(read.len(), batch.len());
                prop_assert_eq!(read, contents(&used), "what was in a batch before leaves no trace");
            }
            (Err(one), Err(other)) => {
                prop_assert_eq!(one.to_string(), other.to_string());
                prop_assert!(used.is_empty() && used.partitions().len() == 0);
            }
            (one, other) => prop_assert!(false, "{one:?} but {other:?}"),
        }
        Ok(())
    });
}

/// Reads a pipeline file of this repository.
fn pipeline(file: &str) -> Pipeline {
    let path = format!("{}/../pipelines/{file}", env!("CARGO_MANIFEST_DIR"));
    Pipeline::from_yaml(&std::fs::read_to_string(path).unwrap(), file).unwrap()
}

/// Damages records of a pipeline. The decoder must return a row of full width, or a non-empty reason, and the same
/// result twice. `serde_json` must accept every record that it decodes.
fn decodes_or_refuses(pipeline: &Pipeline, valid: &[&[u8]]) {
    let (decoder, columns) =
        (RecordDecoder::new(&pipeline.fields), Layout::of(&pipeline.fields).columns.len());
    for record in valid {
        decoder.decode(record, &mut Vec::new()).unwrap();
    }
    survives(valid, |bytes| {
        let (mut row, mut again) = (Vec::new(), Vec::new());
        match decoder.decode(bytes, &mut row) {
            Ok(extra) => {
                prop_assert_eq!(row.len(), columns);
                prop_assert_eq!(decoder.decode(bytes, &mut again).unwrap(), extra);
                prop_assert_eq!(row, again);
                let other = serde_json::from_slice::<IgnoredAny>(bytes).err().map(|error| error.to_string());
                // `serde_json` stops at 128 levels of nesting. The decoder may accept more.
                let is_json = other.as_ref().is_none_or(|error| error.contains("recursion"));
                prop_assert!(is_json, "{other:?}");
            }
            Err(poison) => {
                prop_assert!(!poison.0.is_empty());
                prop_assert_eq!(decoder.decode(bytes, &mut again).unwrap_err().0, poison.0);
            }
        }
        Ok(())
    });
}

#[test]
fn a_damaged_room_count_is_decoded_or_poison_with_a_reason() {
    decodes_or_refuses(
        &pipeline("rooms-v1.yaml"),
        &[
            br#"{"ts": "2026-11-20 21:24:22.123456", "room": "A", "count": 1}"#,
            br#"{"room":"\ud83d\ude00 \"B\"","count":-9223372036854775808,"ts":"1970-01-01 00:00:00","more":[{"a":[1e3,null]}]}"#,
        ],
    );
}

#[test]
fn damaged_telemetry_is_decoded_or_poison_with_a_reason() {
    decodes_or_refuses(
        &pipeline("telemetry-v1.yaml"),
        &[
            br#"{"timestamp":1795209862.1234564,"vin":"V1","make":"m","model":"x","position_x":-0.0,"position_y":1e-7,"position_z":12.5,"speed":3}"#,
        ],
    );
}
