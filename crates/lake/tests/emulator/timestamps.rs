//! Timestamps of a table that Spark wrote (tests/fixtures/make_forecast.py), as rows and in statistics.

use arrow_array::{RecordBatch, cast::AsArray, types::TimestampMicrosecondType};
use arrow_schema::{DataType, TimeUnit};
use futures::TryStreamExt;
use lake::{ActiveFile, Snapshot};

use crate::{
    foreign::uploaded,
    proxy::{Fate, Proxy},
    support::{client, client_of, snapshot, soon},
};

/// Microseconds since 1970 of the last extract: 2026-11-25T23:00:05.123456Z, in INT96.
const NEWEST: i64 = 1_795_647_605_123_456;

/// The distinct values of a timestamp column.
fn distinct(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    let of = |batch: &RecordBatch| {
        let column = batch.column(column);
        let microseconds = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(column.data_type(), &microseconds);
        column.as_primitive::<TimestampMicrosecondType>().values().to_vec()
    };
    let mut values: Vec<_> = batches.iter().flat_map(of).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn of_day<'a>(table: &'a Snapshot, day: &str) -> Vec<&'a ActiveFile> {
    table.files().iter().filter(|file| file.partition["dt"].as_deref() == Some(day)).collect()
}

#[tokio::test]
async fn int96_and_microseconds_in_one_table_are_the_same_moments() {
    let table = snapshot(&client().await, &uploaded(&client().await, "forecast").await).await;
    assert_eq!((table.version(), table.rows()), (4, None));
    let mut extracts = Vec::new();
    let mut hours = Vec::new();
    let files: Vec<_> = table.scan(&["dt_extract", "date"], soon()).try_collect().await.unwrap();
    for (_, batches) in &files {
        extracts.extend(distinct(batches, 0));
        hours.extend(distinct(batches, 1));
    }
    extracts.sort_unstable();
    extracts.dedup();
    let day = 86_400_000_000;
    let whole = NEWEST - 123_456;
    assert_eq!(extracts, [whole - 15 * day, whole - 2 * day, whole - day, NEWEST]);
    assert!(hours.iter().all(|at| at % 3_600_000_000 == 0), "every forecast is for a full hour");
}

#[tokio::test]
async fn only_the_files_that_are_asked_for_are_requested() {
    let location = uploaded(&client().await, "forecast").await;
    let proxy = Proxy::start(|_| Fate::Passes).await;
    let table = snapshot(&client_of(&proxy.endpoint).await, &location).await;
    let before = proxy.seen().len();
    let wanted: Vec<_> = of_day(&table, "2026-11-28").into_iter().rev().collect();
    let files: Vec<_> =
        table.scan_files(wanted.iter().copied(), &["dt"], soon()).try_collect().await.unwrap();
    assert_eq!(
        files.iter().map(|(file, _)| &file.key).collect::<Vec<_>>(),
        wanted.iter().map(|file| &file.key).collect::<Vec<_>>()
    );
    assert_eq!(proxy.seen().len() - before, wanted.len());
}

#[tokio::test]
async fn statistics_bound_what_spark_wrote_in_its_time_zone_and_are_missing_after_a_checkpoint_of_structs() {
    let table = snapshot(&client().await, &uploaded(&client().await, "forecast").await).await;
    let bounds = |day: &str| {
        let mut bounds: Vec<_> = of_day(&table, day)
            .iter()
            .map(|file| file.latest("dt_extract").map(|at| at.timestamp_micros()))
            .collect();
        bounds.sort_unstable();
        bounds
    };
    // The value is later than its statistics, which are cut to milliseconds; the bound is not.
    assert_eq!(bounds("2026-11-28"), [Some(1_795_647_605_124_000)]);
    assert!(bounds("2026-11-11").iter().all(Option::is_none));
}
