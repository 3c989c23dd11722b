//! Encodes a batch of 10,000 room counts as one Parquet file with statistics, on one core.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "criterion's macros; a bench that cannot go on stops"
)]

use std::{hint::black_box, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    types::Int8Type,
};
use arrow_schema::{Field, Schema};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lake::{FileEncoder, TableSchema};

const ROWS: i64 = 10_000;

/// Event times a few microseconds apart with jitter, three rooms, counts of 1 to 4, consecutive offsets.
fn rooms() -> RecordBatch {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut at = 1_795_219_200_000_000_i64;
    let ts: Vec<i64> = (0..ROWS)
        .map(|_| {
            at += 1 + i64::try_from(random(900)).unwrap();
            at
        })
        .collect();
    let kafka: Vec<i64> = ts.iter().map(|at| at / 1000 * 1000 + 3000).collect();
    let room: Vec<&str> = (0..ROWS).map(|_| ["A", "B", "C"][usize::try_from(random(3)).unwrap()]).collect();
    let count: Vec<i64> = (0..ROWS).map(|_| 1 + i64::try_from(random(4)).unwrap()).collect();
    let topic: DictionaryArray<Int8Type> = (0..ROWS).map(|_| "rooms-v1").collect();
    let partition: Vec<i32> = (0..4).flat_map(|p| vec![p; 2500]).collect();
    let offset: Vec<i64> = (0..4).flat_map(|p| p * 100_000..p * 100_000 + 2500).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ts", Arc::new(TimestampMicrosecondArray::from(ts).with_timezone("UTC"))),
        ("room", Arc::new(StringArray::from(room))),
        ("count", Arc::new(Int64Array::from(count))),
        ("_topic", Arc::new(topic)),
        ("_partition", Arc::new(Int32Array::from(partition))),
        ("_offset", Arc::new(Int64Array::from(offset))),
        ("_timestamp", Arc::new(TimestampMicrosecondArray::from(kafka).with_timezone("UTC"))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
        .unwrap()
}

fn encode(criterion: &mut Criterion) {
    let batch = rooms();
    let schema =
        TableSchema::new(batch.schema(), vec!["yr".into(), "mo".into(), "dy".into(), "kind".into()]).unwrap();
    let encoder = FileEncoder::new(&schema);
    let partition = || {
        vec![Some("2026".to_owned()), Some("11".to_owned()), Some("20".to_owned()), Some("raw".to_owned())]
    };
    let bytes = encoder.encode(partition(), &batch).unwrap().bytes.len();
    println!("{ROWS} rooms take {bytes} bytes");
    let mut group = criterion.benchmark_group("parquet");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("rooms/10000", |b| {
        b.iter(|| encoder.encode(partition(), black_box(&batch)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
