//! The handler without S3: an event's JSON → records → columns → the bytes of a Parquet file.
//!
//! One event as Lambda would send it: 10,000 room counts, about 2.4 MB of JSON.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafka_batch::KafkaBatch;
use kafka_batch::event::MskEvent;
use lake::{AppVersions, Append, FileEncoder};
use parquet_writer::{TopicAppend, TopicSchema};
use pipeline::Pipeline;

const RECORDS: i64 = 10_000;

fn event() -> Vec<u8> {
    let mut event = MskEvent::new("arn:aws:kafka:eu-central-1:123456789012:cluster/demo/0", "b-1.demo:9098");
    for number in 0..RECORDS {
        let room = ["A", "B", "C"][usize::try_from(number % 3).unwrap()];
        let (second, micros) = (number / 200, number * 4_999 % 1_000_000);
        let value = format!(
            r#"{{"ts": "2026-11-20 21:24:{second:02}.{micros:06}", "room": "{room}", "count": {}}}"#,
            number % 4 + 1
        );
        let partition = i32::try_from(number % 4).unwrap();
        let timestamp = 1_795_209_862_000 + number / 10;
        event.push(
            "rooms-v1",
            partition,
            number / 4,
            timestamp,
            Some(room.as_bytes()),
            Some(value.as_bytes()),
            &[],
        );
    }
    event.to_json()
}

fn handler(criterion: &mut Criterion) {
    let yaml = include_str!("../../../pipelines/rooms-v1.yaml");
    let pipeline = Pipeline::from_yaml(yaml, "rooms-v1.yaml").unwrap();
    let schema = TopicSchema::new(&pipeline, pipeline.lake.as_ref().unwrap()).unwrap();
    let encoder = FileEncoder::new(schema.table());
    let event = event();
    let mut group = criterion.benchmark_group("parquet-writer");
    group.throughput(Throughput::Elements(RECORDS.unsigned_abs()));
    group.bench_function("decode the event", |bencher| {
        bencher.iter(|| black_box(KafkaBatch::decode(black_box(&event)).unwrap()));
    });
    group.bench_function("event to columns", |bencher| {
        bencher.iter(|| {
            let batch = KafkaBatch::decode(black_box(&event)).unwrap();
            let partitions: Vec<_> = batch.partitions().collect();
            black_box(schema.decode(&partitions).unwrap())
        });
    });
    group.bench_function("event to Parquet bytes", |bencher| {
        bencher.iter(|| {
            let batch = KafkaBatch::decode(black_box(&event)).unwrap();
            let partitions: Vec<_> = batch.partitions().collect();
            let decoded = schema.decode(&partitions).unwrap();
            let mut append = TopicAppend::new(&schema, &encoder, &partitions, &decoded);
            let plan = append.plan(&AppVersions::default()).unwrap().unwrap();
            let files = append.encode(&plan.accepted).unwrap();
            assert_eq!(files.iter().map(|file| file.rows).sum::<usize>(), 10_000);
            black_box(files)
        });
    });
    group.finish();
}

criterion_group!(benches, handler);
criterion_main!(benches);
