//! parquet-writer stores every row in the partition of its event time, also when a batch spans many days or hours.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use chrono::{DateTime, Datelike, TimeDelta, TimeZone, Utc};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use futures::TryStreamExt;
use serde_json::json;

/// Path of the rooms table below the lake's root.
const ROOMS: &str = "env=dv/source=rooms/subsrc=midgar";

/// A valid record with this event time.
fn at(offset: i64, time: DateTime<Utc>) -> Record {
    let ts = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    room(0, offset, "A", 1).with(Some(json!({"ts": ts, "room": "A", "count": 1}).to_string().as_bytes()))
}

/// `count` times that are `step` apart, in an order in which neighbours are 7 steps apart. `count` must not be a
/// multiple of 7.
fn times(count: i64, step: TimeDelta) -> Vec<DateTime<Utc>> {
    let first = Utc.with_ymd_and_hms(2019, 1, 1, 0, 30, 0).unwrap();
    (0..count).map(|n| first + step * i32::try_from(n * 7 % count).unwrap()).collect()
}

/// One record per time, with the offsets 0, 1, 2 and so on.
fn records(times: &[DateTime<Utc>]) -> Vec<Record> {
    times.iter().zip(0..).map(|(time, offset)| at(offset, *time)).collect()
}

/// The offsets of the stored rows, by the partition values that the Delta log gives for their files.
async fn partitions(parts: &Parts, path: &str) -> BTreeMap<Vec<Option<String>>, Vec<i64>> {
    let snapshot = Sinks::open(parts).await.snapshot(path).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let files: Vec<_> = snapshot.scan(&["_offset"], deadline).try_collect().await.unwrap();
    let mut found: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for (file, batches) in files {
        let values =
            snapshot.partition_columns().iter().map(|column| file.partition[column].clone()).collect();
        let offsets = found.entry(values).or_default();
        for batch in batches {
            offsets.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
        offsets.sort_unstable();
    }
    found
}

/// What [`partitions`] must return for [`records`] of these times. `values` computes the partition values of a time.
fn expected(
    times: &[DateTime<Utc>],
    values: impl Fn(&DateTime<Utc>) -> Vec<String>,
) -> BTreeMap<Vec<Option<String>>, Vec<i64>> {
    let mut expected: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for (time, offset) in times.iter().zip(0..) {
        expected.entry(values(time).into_iter().map(Some).collect()).or_default().push(offset);
    }
    expected
}

/// Partition values of the rooms table: year, month, day and the constant `raw`.
fn day(time: &DateTime<Utc>) -> Vec<String> {
    let number = |number: u32| format!("{number:02}");
    vec![format!("{:04}", time.year()), number(time.month()), number(time.day()), "raw".to_owned()]
}

/// Each file contains the rows of one partition, so the commit has 400 files.
#[tokio::test]
async fn a_batch_of_400_days_fills_400_partitions_in_one_commit() {
    let parts = Parts::of_environment();
    let mut writer = Function::start("parquet-writer", &parts, &[parts.rooms_pipeline()]).await;
    let times: Vec<_> = times(400, TimeDelta::days(1)).into_iter().cycle().take(2_000).collect();
    let event = event(&parts.topic, &records(&times));
    writer.invoke(&event).await.all_handled();
    assert_eq!(partitions(&parts, ROOMS).await, expected(&times, day));
    assert_eq!(Sinks::open(&parts).await.snapshot(ROOMS).await.unwrap().version(), 0);
    // A repeated delivery adds nothing.
    writer.invoke(&event).await.all_handled();
    assert_eq!(partitions(&parts, ROOMS).await, expected(&times, day));
}

/// Years before 1970 have negative timestamps. Years below 1000 need leading zeros in the name of the partition.
#[tokio::test]
async fn the_first_and_the_last_day_that_a_timestamp_can_name_have_their_own_partitions() {
    let parts = Parts::of_environment();
    let mut writer = Function::start("parquet-writer", &parts, &[parts.rooms_pipeline()]).await;
    let years = [1, 33, 999, 1582, 1899, 1969, 1970, 2026, 9999];
    let times: Vec<_> = years
        .iter()
        .flat_map(|year| [(1, 1, 0), (12, 31, 23)].map(|(mo, dy, hour)| (*year, mo, dy, hour)))
        .map(|(year, mo, dy, hour)| Utc.with_ymd_and_hms(year, mo, dy, hour, 59, 59).unwrap())
        .collect();
    writer.invoke(&event(&parts.topic, &records(&times))).await.all_handled();
    assert_eq!(partitions(&parts, ROOMS).await, expected(&times, day));
}

/// Compares the peak memory for a batch with one partition to that for the same number of records in many partitions.
/// Only the size of the commit may add to it.
#[tokio::test]
async fn memory_does_not_grow_with_the_files_of_a_batch_but_with_its_commit() {
    // HEADWATER_TEST_PARTITIONS=10000 tests the maximum of one partition per record. The emulator takes half a minute
    // for it.
    let count = std::env::var("HEADWATER_TEST_PARTITIONS").map_or(1_000, |count| count.parse().unwrap());
    let pattern = "\"%Y-%m-%dT%H\"";
    let mut peaks = Vec::new();
    for step in [TimeDelta::zero(), TimeDelta::hours(1)] {
        let parts = Parts::of_environment();
        let pipeline = parts.rooms_pipeline().replace("value: raw", &format!("value: {pattern}"));
        let mut writer = Function::start("parquet-writer", &parts, &[pipeline]).await;
        writer.limit(Duration::from_mins(2));
        let times: Vec<_> = times(count, step).into_iter().cycle().take(10_000).collect();
        let started = Instant::now();
        writer.invoke(&event(&parts.topic, &records(&times))).await.all_handled();
        println!("{count} times, {step} apart: {:?}, {} MiB", started.elapsed(), writer.most_memory() >> 20);
        peaks.push(writer.most_memory() >> 20);
        let hour = |time: &DateTime<Utc>| {
            let mut values = day(time);
            values[3] = time.format("%Y-%m-%dT%H").to_string();
            values
        };
        assert_eq!(partitions(&parts, ROOMS).await, expected(&times, hour));
    }
    // The commit takes 0.8 KB per file, and is in memory twice.
    let bound = peaks[0] + 20 + ((u64::try_from(count).unwrap() * 3) >> 10);
    assert!(peaks[1] < bound, "one partition took {} MiB, {count} took {} MiB", peaks[0], peaks[1]);
}
