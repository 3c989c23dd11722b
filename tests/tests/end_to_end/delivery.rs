//! Records count once in both sinks, for every way of delivery: twice, in other batches, late, out of order,
//! or to several environments at once.

use std::collections::BTreeMap;

use end_to_end::{Function, Parts, Record, Sinks, event, room};

/// Records of one partition with these offsets, each with the count 1. The rooms are A, B and C in turn.
fn stretch(partition: i32, offsets: std::ops::Range<i64>) -> Vec<Record> {
    offsets
        .map(|offset| room(partition, offset, ["A", "B", "C"][usize::try_from(offset).unwrap() % 3], 1))
        .collect()
}

/// A topic with two lanes: parquet-writer stores its records in the lake, and totals-upserter adds them to totals.
struct Lanes {
    parts: Parts,
    sinks: Sinks,
    writer: Function,
    upserter: Function,
}

impl Lanes {
    /// Creates the tables and starts both functions.
    async fn start() -> Self {
        let parts = Parts::of_environment();
        let pipelines = [parts.rooms_pipeline()];
        let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
        assert_eq!(migrator.invoke(b"{}").await.answer()["tables"][0], parts.totals_table());
        Self {
            sinks: Sinks::open(&parts).await,
            writer: Function::start("parquet-writer", &parts, &pipelines).await,
            upserter: Function::start("totals-upserter", &parts, &pipelines).await,
            parts,
        }
    }

    /// Delivers one batch to both functions. Panics if one of them reports an error or a failed record.
    async fn deliver<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) {
        let event = event(&self.parts.topic, records);
        self.writer.invoke(&event).await.all_handled();
        self.upserter.invoke(&event).await.all_handled();
    }

    /// Panics unless both sinks contain exactly `records`, each once.
    async fn hold_exactly(&self, records: &[Record]) {
        let mut rows: Vec<_> = records.iter().map(|record| (record.partition, record.offset)).collect();
        rows.sort_unstable();
        assert_eq!(self.sinks.rows().await, rows);
        let total: i64 = self.sinks.totals().await.values().sum();
        assert_eq!(total, i64::try_from(records.len()).unwrap());
    }
}

/// The last batch contains all records in descending order.
#[tokio::test]
async fn the_same_event_twice_and_overlapping_cuts_count_once() {
    let mut lanes = Lanes::start().await;
    let records = stretch(0, 0..100);
    lanes.deliver(&records[..60]).await;
    lanes.deliver(&records[..60]).await;
    lanes.deliver(&records[30..90]).await;
    lanes.deliver(records.iter().rev()).await;
    lanes.hold_exactly(&records).await;
}

/// A batch ahead of the watermark leaves a hole, which later batches fill.
#[tokio::test]
async fn a_partition_whose_batches_come_in_the_wrong_order_is_stored_completely() {
    let mut lanes = Lanes::start().await;
    let records = stretch(2, 0..90);
    for batch in [&records[60..], &records[30..60], &records[..30], &records[10..80]] {
        lanes.deliver(batch).await;
    }
    lanes.hold_exactly(&records).await;
}

/// Lambda may give up a batch although the function stored it, for example if its answer was lost.
#[tokio::test]
async fn a_batch_that_was_given_up_and_redriven_is_stored_once_whether_its_first_try_succeeded_or_not() {
    for first_try_succeeded in [false, true] {
        let mut lanes = Lanes::start().await;
        let records = stretch(0, 0..60);
        lanes.deliver(&records[..20]).await;
        if first_try_succeeded {
            lanes.deliver(&records[20..40]).await;
        }
        lanes.deliver(&records[40..]).await;
        lanes.deliver(&records[20..40]).await;
        lanes.hold_exactly(&records).await;
    }
}

/// The four partitions have records with the same offsets.
#[tokio::test]
async fn records_of_several_partitions_in_one_event_are_kept_apart() {
    let mut lanes = Lanes::start().await;
    let records: Vec<_> = (0..4).flat_map(|partition| stretch(partition, 0..25)).collect();
    lanes.deliver(records.iter().rev()).await;
    lanes.deliver(&records).await;
    lanes.hold_exactly(&records).await;
}

/// Lambda delivers at least once, so two environments may get the same batch.
#[tokio::test]
async fn one_event_given_to_two_environments_at_once_counts_once() {
    let lanes = Lanes::start().await;
    let records = stretch(0, 0..200);
    let event = event(&lanes.parts.topic, &records);
    let pipelines = [lanes.parts.rooms_pipeline()];
    for name in ["parquet-writer", "totals-upserter"] {
        let environments = (0..4).map(async |_| {
            let mut function = Function::start(name, &lanes.parts, &pipelines).await;
            function.invoke(&event).await.all_handled();
        });
        futures::future::join_all(environments).await;
    }
    lanes.hold_exactly(&records).await;
}

/// Each environment writes its own partition, as with Lambda's pollers. All of them commit to the same Delta table and
/// the same rows of totals, so commits conflict often.
#[tokio::test]
async fn sixteen_environments_of_fifty_commits_each_lose_none() {
    let lanes = Lanes::start().await;
    let pipelines = [lanes.parts.rooms_pipeline()];
    for name in ["parquet-writer", "totals-upserter"] {
        let environments = (0..16).map(async |partition| {
            let mut function = Function::start(name, &lanes.parts, &pipelines).await;
            for batch in 0..50 {
                let records = stretch(partition, batch * 2..batch * 2 + 2);
                function.invoke(&event(&lanes.parts.topic, &records)).await.all_handled();
            }
        });
        futures::future::join_all(environments).await;
    }
    let all: Vec<_> = (0..16).flat_map(|partition| stretch(partition, 0..100)).collect();
    lanes.hold_exactly(&all).await;
}

/// The new topic's records have the offsets of stored records, but other timestamps.
#[tokio::test]
async fn a_topic_that_was_created_again_is_an_error_that_names_the_reset_command() {
    let mut lanes = Lanes::start().await;
    let records = stretch(0, 0..50);
    lanes.deliver(&records).await;
    let mut anew = stretch(0, 0..10);
    for record in &mut anew {
        record.timestamp_ms += 1_000_000;
    }
    let first = event(&lanes.parts.topic, &anew);
    let next = event(&lanes.parts.topic, &anew[4..6]);
    for function in [&mut lanes.writer, &mut lanes.upserter] {
        let (_, message) = function.invoke(&first).await.error();
        assert!(message.contains("deleted and created again"), "{message}");
        assert!(message.contains("headwater offsets reset"), "{message}");
    }
    // If that batch is given up, the next one must not pass for a repetition, although the position holds no sample of
    // its records.
    for function in [&mut lanes.writer, &mut lanes.upserter] {
        let (_, message) = function.invoke(&next).await.error();
        assert!(message.contains("deleted and created again"), "{message}");
    }
    lanes.hold_exactly(&records).await;
}

/// Names with quotes, SQL, emoji, no characters, or 10 KB must arrive unchanged in both sinks.
#[tokio::test]
async fn any_room_name_and_any_64_bit_count_is_kept() {
    let mut lanes = Lanes::start().await;
    let long = "x".repeat(10_240);
    let names = ["D", "O'B", "", "Zimmer 7 🚪", "\"; DROP TABLE users; --", &long];
    let mut records = Vec::new();
    for (offset, name) in (0..).zip(names) {
        records.push(room(0, offset * 2, name, -3));
        records.push(room(0, offset * 2 + 1, name, 10));
    }
    lanes.deliver(&records).await;
    let expected: BTreeMap<String, i64> = names.iter().map(|name| ((*name).to_owned(), 7)).collect();
    assert_eq!(lanes.sinks.totals().await, expected);
    assert_eq!(lanes.sinks.rows().await.len(), records.len());
}
