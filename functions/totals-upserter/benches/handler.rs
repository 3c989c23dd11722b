//! Measures the handler without Postgres: from an event's JSON to records, to keys and amounts.
//!
//! The event is like one of Lambda: 10,000 room counts, about 2.4 MB of JSON.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafka_batch::KafkaBatch;
use pipeline::Pipeline;
use totals_upserter::TopicSums;

const RECORDS: u32 = 10_000;

fn handler(criterion: &mut Criterion) {
    let yaml = include_str!("../../../pipelines/rooms-v1.yaml");
    let pipeline = Pipeline::from_yaml(yaml, "rooms-v1.yaml").unwrap();
    let sums = TopicSums::new(&pipeline, pipeline.totals.as_ref().unwrap()).unwrap();
    let event = bench_events::room_counts(RECORDS);
    let mut group = criterion.benchmark_group("totals-upserter");
    group.throughput(Throughput::Elements(RECORDS.into()));
    group.bench_function("event to keys and amounts", |bencher| {
        let mut batch = KafkaBatch::default();
        bencher.iter(|| {
            batch.refill(black_box(&event)).unwrap();
            let partitions: Vec<_> = batch.partitions().collect();
            black_box(sums.count(&partitions))
        });
    });
    group.finish();
}

criterion_group!(benches, handler);
criterion_main!(benches);
