//! Timestamps of a table that Spark wrote (`tests/fixtures/make_forecast.py`), in rows and in statistics.

use arrow_array::{RecordBatch, cast::AsArray, types::TimestampMicrosecondType};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use lake::{ActiveFile, LakeError, PlainColumn, Snapshot};

use crate::{
    foreign::{put, uploaded},
    proxy::{Handling, Proxy},
    support::{client, client_of, snapshot, soon},
};

/// The time of the last extract in microseconds since 1970: 2026-11-25T23:00:05.123456Z, stored as INT96.
const NEWEST: i64 = 1_795_647_605_123_456;

/// The distinct values of a timestamp column, sorted.
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
async fn plain_columns_are_the_same_moments_numbers_and_texts_and_only_their_files_are_requested() {
    let location = uploaded(&client().await, "forecast").await;
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let table = snapshot(&client_of(&proxy.endpoint).await, &location).await;
    let before = proxy.seen().len();
    let wanted: Vec<_> = of_day(&table, "2026-11-26").into_iter().rev().collect();
    let columns = ["id", "state", "dt_extract", "date", "temperature", "precipitation"];
    let files: Vec<_> =
        table.scan_plain(wanted.iter().copied(), &columns, soon()).try_collect().await.unwrap();
    assert_eq!(files.iter().map(|(file, _)| *file).collect::<Vec<_>>(), wanted);
    assert_eq!((proxy.seen().len() - before, files.len()), (3, 3));
    let moments =
        |texts: &[&str]| texts.iter().map(|text| text.parse::<DateTime<Utc>>().ok()).collect::<Vec<_>>();
    let mut extracts = Vec::new();
    for (_, read) in &files {
        let [
            PlainColumn::Integers(ids),
            PlainColumn::Texts(states),
            PlainColumn::Moments(extracted),
            PlainColumn::Moments(dates),
            PlainColumn::Numbers(temperatures),
            PlainColumn::Numbers(rain),
        ] = read.as_slice()
        else {
            panic!("{read:?}")
        };
        extracts.extend(extracted.iter().flatten().copied());
        let Some(newest) =
            extracted.iter().position(|at| at.is_some_and(|at| at.timestamp_micros() == NEWEST))
        else {
            continue;
        };
        assert_eq!((ids[newest], states[newest].as_deref()), (Some(3477), Some("SP")));
        assert_eq!(dates[newest..newest + 2], moments(&["2026-11-26T00:00:00Z", "2026-11-26T01:00:00Z"]));
        assert_eq!(temperatures[newest..newest + 2], [Some(0.1), Some(1.1)]);
        assert_eq!(
            rain[newest..newest + 7],
            [None, Some(0.0), Some(0.0), Some(0.0), Some(0.0), Some(0.0), Some(0.5)]
        );
    }
    extracts.sort_unstable();
    extracts.dedup();
    let expected = ["2026-11-23T23:00:05Z", "2026-11-24T23:00:05Z", "2026-11-25T23:00:05.123456Z"];
    assert_eq!(extracts.into_iter().map(Some).collect::<Vec<_>>(), moments(&expected));
}

#[tokio::test]
async fn other_columns_are_refused_by_name_and_missing_ones_are_null() {
    let client = client().await;
    let location = uploaded(&client, "forecast").await;
    let table = snapshot(&client, &location).await;
    let of = async |columns: &[&str]| {
        let read: Result<Vec<_>, _> = table.scan_plain(table.files(), columns, soon()).try_collect().await;
        read.map(|files| files.into_iter().map(|(_, read)| read).collect::<Vec<_>>())
    };
    for column in ["dt", "none"] {
        let fault = of(&[column]).await.unwrap_err();
        assert!(matches!(&fault, LakeError::Schema { column: named, .. } if named == column), "{fault}");
    }

    // The table's definition changes while its files stay: one column is added, one gets another type.
    let field = |name: &str, kind: &str| {
        format!(r#"{{\"name\":\"{name}\",\"type\":\"{kind}\",\"nullable\":true,\"metadata\":{{}}}}"#)
    };
    let fields = [field("id", "string"), field("added", "timestamp"), field("dt", "date")].join(",");
    let metadata = format!(
        r#"{{"metaData":{{"id":"i","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{{\"type\":\"struct\",\"fields\":[{fields}]}}","partitionColumns":["dt"],"configuration":{{}}}}}}"#
    );
    put(&client, &location, "_delta_log/00000000000000000005.json", metadata.into_bytes()).await;
    let table = snapshot(&client, &location).await;
    let added: Vec<_> = table.scan_plain(table.files(), &["added"], soon()).try_collect().await.unwrap();
    assert!(added.iter().all(|(_, read)| matches!(&read[0], PlainColumn::Moments(values) if values.len() >= 23 && values.iter().all(Option::is_none))));
    let other: Result<Vec<_>, _> = table.scan_plain(table.files(), &["id"], soon()).try_collect().await;
    assert!(other.unwrap_err().to_string().contains("another type"));
}

#[tokio::test]
async fn statistics_of_spark_are_bounds_in_any_time_zone_and_missing_after_a_checkpoint_of_structs() {
    let table = snapshot(&client().await, &uploaded(&client().await, "forecast").await).await;
    let bounds = |day: &str| {
        let mut bounds: Vec<_> = of_day(&table, day)
            .iter()
            .map(|file| file.latest("dt_extract").map(|at| at.timestamp_micros()))
            .collect();
        bounds.sort_unstable();
        bounds
    };
    // The value is later than its statistics, which are truncated to milliseconds. The bound is not.
    assert_eq!(bounds("2026-11-28"), [Some(1_795_647_605_124_000)]);
    assert!(bounds("2026-11-11").iter().all(Option::is_none));
}
