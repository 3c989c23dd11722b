//! A bad record is parked with its reason and bytes, and all good records are stored. After the cause is corrected, the
//! bad record is stored once.

use std::time::Duration;

use dead_letters::{DeadLetters, ParkedRecord, Source, newest_by_source};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use tokio::time::Instant;

/// The newest letter of each record that a lane parked.
async fn parked(parts: &Parts, sinks: &Sinks, lane: &str) -> Vec<ParkedRecord> {
    let shelf = DeadLetters::new(sinks.client(), parts.parked_root.clone());
    let objects = shelf.objects(Some(lane), Instant::now() + Duration::from_mins(1)).await.unwrap();
    newest_by_source(objects.into_iter().flat_map(|object| object.records).map(Result::unwrap))
}

fn offset(source: &Source) -> i64 {
    let Source::Kafka { offset, .. } = source else { panic!("{source} is no record of Kafka") };
    *offset
}

fn offsets(records: &[ParkedRecord]) -> Vec<i64> {
    records.iter().map(|record| offset(&record.source)).collect()
}

/// Creates the tables of these pipelines.
async fn migrated(parts: &Parts, pipelines: &[String]) -> Sinks {
    let mut migrator = Function::start("schema-migrator", parts, pipelines).await;
    let _tables = migrator.invoke(b"{}").await.answer();
    Sinks::open(parts).await
}

/// Good records at even offsets. At odd offsets there is one record for each way to violate the data contract.
fn mixed() -> Vec<Record> {
    let bad: [Option<&[u8]>; 11] = [
        Some(b"hello"),
        Some(b"null"),
        None,
        Some(br#"{"ts":"2026-11-20 21:24:22","room":"A"}"#),
        Some(br#"{"ts":"2026-11-20 21:24:22","room":"A","count":"2"}"#),
        Some(br#"{"ts":"2026-11-20 21:24:22","room":"A","count":2.5}"#),
        Some(br#"{"ts":"2026-11-20 21:24:22","room":"A","count":9223372036854775808}"#),
        Some(br#"{"ts":"2026-11-20 21:24:22","room":7,"count":1}"#),
        Some(br#"{"ts":"soon","room":"A","count":1}"#),
        Some(b""),
        Some(b"\xff\xfe"),
    ];
    let mut records = Vec::new();
    for (number, value) in (0..).zip(bad) {
        records.push(room(1, number * 2, "A", 1));
        records.push(room(1, number * 2 + 1, "A", 1).with(value));
    }
    records
}

/// Each lane parks its own copy, because each lane can be redriven alone.
#[tokio::test]
async fn bad_records_are_parked_by_each_lane_with_reason_and_bytes_and_the_good_ones_are_stored() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = migrated(&parts, &pipelines).await;
    let records = mixed();
    for lane in ["parquet-writer", "totals-upserter"] {
        let mut function = Function::start(lane, &parts, &pipelines).await;
        // Two deliveries: a record that is parked twice counts as one dead letter.
        function.invoke(&event(&parts.topic, &records)).await.all_handled();
        function.invoke(&event(&parts.topic, &records[1..])).await.all_handled();
        let parked = parked(&parts, &sinks, lane).await;
        assert_eq!(offsets(&parked), (0..11).map(|n| n * 2 + 1).collect::<Vec<_>>(), "{lane}");
        for letter in &parked {
            let record = records.iter().find(|record| record.offset == offset(&letter.source)).unwrap();
            assert_eq!(letter.value().unwrap(), record.value, "{lane} {}", letter.source);
            assert!(!letter.reason.is_empty());
        }
    }
    assert_eq!(sinks.rows().await, (0..11).map(|n| (1, n * 2)).collect::<Vec<_>>());
    assert_eq!(sinks.totals().await.into_values().sum::<i64>(), 11);
}

/// The position remembers parked offsets. Without that, the record would pass for one that is stored already.
#[tokio::test]
async fn a_parked_record_is_stored_once_when_it_comes_again_after_the_pipeline_file_was_corrected() {
    let parts = Parts::of_environment();
    let strict = [parts.rooms_pipeline()];
    let mended = [parts
        .rooms_pipeline()
        .replace("name: ts, type: timestamp", "name: ts, type: timestamp, format: epoch_seconds")];
    let sinks = migrated(&parts, &strict).await;
    let good = room(0, 0, "A", 1);
    let late = room(0, 1, "A", 5).with(Some(br#"{"ts":1795209862.5,"room":"A","count":5}"#));
    for lane in ["parquet-writer", "totals-upserter"] {
        let mut before = Function::start(lane, &parts, &strict).await;
        before.invoke(&event(&parts.topic, [&good, &late])).await.all_handled();
        assert_eq!(offsets(&parked(&parts, &sinks, lane).await), [1]);
        let mut after = Function::start(lane, &parts, &mended).await;
        for _ in 0..3 {
            after.invoke(&event(&parts.topic, [&late])).await.all_handled();
        }
    }
    assert_eq!(sinks.rows().await, [(0, 0), (0, 1)]);
    assert_eq!(sinks.totals().await["A"], 6);
}

/// Postgres cannot store NUL in a text, or a key that is too long for an index entry. The sum of A exceeds 64 bits
/// within the batch, but not at its end.
#[tokio::test]
async fn a_record_that_only_postgres_cannot_hold_is_parked_by_the_totals_and_stored_in_the_lake() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = migrated(&parts, &pipelines).await;
    // Incompressible, and therefore too long for an index entry.
    let long: String =
        (0..9_000_u32).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000).unwrap()).collect();
    let records = [
        room(0, 0, "A", i64::MAX),
        room(0, 1, "A", 1),
        room(0, 2, "A", -5),
        room(0, 3, "nul\u{0}", 1),
        room(0, 4, &long, 1),
        room(0, 5, "B", 2),
    ];
    for lane in ["parquet-writer", "totals-upserter"] {
        let mut function = Function::start(lane, &parts, &pipelines).await;
        function.invoke(&event(&parts.topic, &records)).await.all_handled();
    }
    assert_eq!(sinks.rows().await.len(), 6);
    assert!(parked(&parts, &sinks, "parquet-writer").await.is_empty());
    let letters = parked(&parts, &sinks, "totals-upserter").await;
    assert_eq!(offsets(&letters), [3, 4], "{letters:?}");
    let totals = sinks.totals().await;
    assert_eq!((totals["A"], totals["B"], totals.len()), (i64::MAX - 4, 2, 2));
}

/// Each record is a batch of its own, so the total must not overflow in between.
#[tokio::test]
async fn a_record_that_would_overflow_a_64_bit_total_is_parked() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = migrated(&parts, &pipelines).await;
    let mut function = Function::start("totals-upserter", &parts, &pipelines).await;
    for record in [room(0, 0, "A", i64::MAX), room(0, 1, "A", 1), room(0, 2, "A", -1)] {
        function.invoke(&event(&parts.topic, [&record])).await.all_handled();
    }
    assert_eq!(offsets(&parked(&parts, &sinks, "totals-upserter").await), [1]);
    assert_eq!(sinks.totals().await["A"], i64::MAX - 1);
}

/// Producers may add fields before the pipeline file names them.
#[tokio::test]
async fn an_unknown_field_is_left_out_of_the_table_and_is_no_error() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = migrated(&parts, &pipelines).await;
    let extra = br#"{"ts":"2026-11-20 21:24:22","room":"A","count":1,"colour":{"r":[1]}}"#;
    let mut writer = Function::start("parquet-writer", &parts, &pipelines).await;
    writer.invoke(&event(&parts.topic, [&room(0, 0, "A", 1).with(Some(extra))])).await.all_handled();
    assert_eq!(sinks.rows().await, [(0, 0)]);
    let snapshot = sinks.snapshot("env=dv/source=rooms/subsrc=midgar").await.unwrap();
    assert!(!snapshot.columns().any(|column| column == "colour"));
}
