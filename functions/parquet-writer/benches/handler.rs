//! Measures the handler without S3: from an event's JSON to records, to columns, to the bytes of a Parquet file.
//!
//! The event is like one of Lambda: 10,000 room counts, about 2.4 MB of JSON.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafka_batch::KafkaBatch;
use lake::{AppVersions, Append, FileEncoder};
use parquet_writer::{TopicAppend, TopicSchema};
use pipeline::Pipeline;

const RECORDS: u32 = 10_000;

fn handler(criterion: &mut Criterion) {
    let yaml = include_str!("../../../pipelines/rooms-v1.yaml");
    let pipeline = Pipeline::from_yaml(yaml, "rooms-v1.yaml").unwrap();
    let schema = TopicSchema::new(&pipeline, pipeline.lake.as_ref().unwrap()).unwrap();
    let encoder = FileEncoder::new(schema.table());
    let event = bench_events::room_counts(RECORDS);
    let mut group = criterion.benchmark_group("parquet-writer");
    group.throughput(Throughput::Elements(RECORDS.into()));
    let mut batch = KafkaBatch::default();
    group.bench_function("decode the event", |bencher| {
        bencher.iter(|| {
            batch.refill(black_box(&event)).unwrap();
            black_box(batch.len())
        });
    });
    group.bench_function("event to columns", |bencher| {
        bencher.iter(|| {
            batch.refill(black_box(&event)).unwrap();
            let partitions: Vec<_> = batch.partitions().collect();
            black_box(schema.decode(&partitions).unwrap())
        });
    });
    group.bench_function("event to Parquet bytes", |bencher| {
        bencher.iter(|| {
            batch.refill(black_box(&event)).unwrap();
            let partitions: Vec<_> = batch.partitions().collect();
            let decoded = schema.decode(&partitions).unwrap();
            let mut append = TopicAppend::new(&schema, &encoder, &partitions, &decoded);
            let plan = append.plan(&AppVersions::default()).unwrap().unwrap();
            let files: Vec<_> = append.files(&plan.accepted).map(Result::unwrap).collect();
            assert_eq!(files.iter().map(|file| file.rows).sum::<usize>(), 10_000);
            black_box(files)
        });
    });
    group.finish();
}

criterion_group!(benches, handler);
criterion_main!(benches);
