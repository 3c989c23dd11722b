//! Logs with many versions or a large checkpoint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant as Clock},
};

use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, StructArray,
    builder::{ListBuilder, StringBuilder},
};
use arrow_schema::Field;
use aws_sdk_s3::Client;
use faults::{Classified, FaultClass};
use futures::{StreamExt, stream};
use lake::{LakeError, Snapshot, TableWatch};
use parquet::arrow::ArrowWriter;
use s3::S3Location;
use tokio::time::Instant;

use crate::{
    foreign::put,
    proxy::{Handling, Proxy, Request},
    support::{Offsets, app_id, client, client_of, each_once, location, snapshot, soon, stored, table},
};

fn count(proxy: &Proxy, wanted: impl Fn(&Request) -> bool) -> usize {
    proxy.seen().iter().filter(|(request, _)| wanted(request)).count()
}

async fn seeded(client: &Client, location: &S3Location, versions: std::ops::Range<i64>) {
    let puts = versions.map(|version| async move {
        let line = "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n";
        put(client, location, &format!("_delta_log/{version:020}.json"), line.into()).await;
    });
    stream::iter(puts).buffer_unordered(16).collect::<()>().await;
}

#[tokio::test]
async fn a_cold_append_to_a_log_of_many_pages_lists_two_of_them() {
    let (client, location) = (client().await, location("pages"));
    table(&client, &location).append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    seeded(&client, &location, 1..1300).await;
    let done = table(&client, &location).append(&mut Offsets::new(0, 0..20), soon()).await.unwrap();
    assert_eq!((done.version, done.rows), (Some(1300), 10));

    let proxy = Proxy::start(|_| Handling::Passes).await;
    let mut cold = table(&client_of(&proxy.endpoint).await, &location);
    let done = cold.append(&mut Offsets::new(0, 0..30), soon()).await.unwrap();
    assert_eq!((done.version, done.rows), (Some(1301), 10));
    assert_eq!(count(&proxy, |request| request.target.contains("list-type")), 2);
    // One round of the search; then the newest commit and the commit with the columns, besides _last_checkpoint.
    assert_eq!(count(&proxy, |request| request.method == "HEAD"), 16);
    assert_eq!(proxy.seen().len(), 2 + 16 + 3 + 2, "{:?}", proxy.seen());
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..30));
}

#[tokio::test]
async fn a_look_that_was_cut_off_goes_on_where_it_stopped_and_counts_nothing_twice() {
    let (client, location) = (client().await, location("cut-off"));
    let mut writer = table(&client, &location);
    for offset in 0..60 {
        writer.append(&mut Offsets::new(0, offset..offset + 1), soon()).await.unwrap();
    }
    let first = snapshot(&client, &location).await.files()[0].key.clone();
    let remove = format!("{{\"remove\":{{\"path\":\"{first}\",\"dataChange\":true}}}}\n");
    put(&client, &location, "_delta_log/00000000000000000060.json", remove.into()).await;

    let broken = Arc::new(AtomicBool::new(true));
    let hangs = broken.clone();
    let proxy = Proxy::start(move |request| {
        let late = request.target.contains("/_delta_log/00000000000000000040.json");
        if late && hangs.load(Ordering::Relaxed) { Handling::Hangs } else { Handling::Passes }
    })
    .await;
    let mut watch = TableWatch::new(client_of(&proxy.endpoint).await, location.clone());
    let early = Instant::now() + Duration::from_secs(4);
    let fault = watch.look(early).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Retryable, "{fault}");
    broken.store(false, Ordering::Relaxed);
    let size = watch.look(soon()).await.unwrap().unwrap();
    let found = snapshot(&client, &location).await;
    assert_eq!((size.version, Some(size.rows), size.files), (60, found.rows(), 59));
    let gets = |version: i64| {
        count(&proxy, |request| {
            request.method == "GET" && request.target.contains(&format!("{version:020}.json"))
        })
    };
    assert_eq!([0, 10, 39].map(gets), [1, 1, 1]);
    assert_eq!(count(&proxy, |request| request.target.contains("list-type")), 1);
}

const COLUMNS: &str = r#"{"type":"struct","fields":[{"name":"_partition","type":"integer","nullable":false,"metadata":{}},{"name":"_offset","type":"long","nullable":false,"metadata":{}},{"name":"kind","type":"string","nullable":true,"metadata":{}}]}"#;

fn structure(fields: Vec<(&str, ArrayRef)>, present: &[bool]) -> ArrayRef {
    let (fields, arrays): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    Arc::new(StructArray::new(fields.into(), arrays, Some(present.to_vec().into())))
}

/// A checkpoint with `files` adds after a protocol, a metadata and three app transactions without `lastUpdated`.
fn checkpoint(files: usize) -> Vec<u8> {
    let rows = files + 5;
    let text = |from: usize, to: usize, of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new((0..rows).map(|row| (from..to).contains(&row).then(|| of(row))).collect::<StringArray>())
    };
    let only = |from: usize, to: usize| (0..rows).map(|row| (from..to).contains(&row)).collect::<Vec<_>>();
    let long = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; rows])) };
    let ones: ArrayRef = Arc::new(Int32Array::from(vec![1; rows]));
    let twos: ArrayRef = Arc::new(Int32Array::from(vec![2; rows]));
    let protocol = structure(vec![("minReaderVersion", ones), ("minWriterVersion", twos)], &only(0, 1));
    let mut columns = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        if row == 1 {
            columns.values().append_value("kind");
        }
        columns.append(row == 1);
    }
    let format = structure(vec![("provider", text(1, 2, &|_| "parquet".to_owned()))], &only(1, 2));
    let metadata = structure(
        vec![
            ("id", text(1, 2, &|_| "i".to_owned())),
            ("format", format),
            ("schemaString", text(1, 2, &|_| COLUMNS.to_owned())),
            ("partitionColumns", Arc::new(columns.finish())),
        ],
        &only(1, 2),
    );
    let ids = text(2, 5, &|row| [app_id(0), app_id(0) + "/hole/7", app_id(0) + "/sample/8"][row - 2].clone());
    let txn = structure(vec![("appId", ids), ("version", long(70))], &only(2, 5));
    let add = structure(
        vec![
            ("path", text(5, rows, &|row| format!("kind=raw/data-{row:08}.parquet"))),
            ("size", long(1000)),
            ("modificationTime", long(1)),
            ("dataChange", Arc::new(BooleanArray::from(vec![false; rows])) as ArrayRef),
            (
                "stats",
                text(5, rows, &|row| {
                    format!(
                        r#"{{"numRecords":10,"minValues":{{"_offset":{row}}},"maxValues":{{"_offset":{row}}}}}"#
                    )
                }),
            ),
        ],
        &only(5, rows),
    );
    let batch = RecordBatch::try_from_iter_with_nullable(vec![
        ("txn", txn, true),
        ("add", add, true),
        ("metaData", metadata, true),
        ("protocol", protocol, true),
    ]);
    let batch = batch.unwrap();
    let mut body = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut body, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    body
}

fn checkpoint_at(version: i64) -> String {
    format!("_delta_log/{version:020}.checkpoint.parquet")
}

/// At version 1,000,000 a cold append needs as many requests as at version 100. The commits that no cleanup has deleted
/// yet, here 2,500, cost nothing.
#[tokio::test]
async fn a_cold_append_behind_a_checkpoint_takes_as_many_requests_at_any_version() {
    let client = client().await;
    let mut requests = Vec::new();
    for (behind, older) in [(80_i64, 80_i64), (9_980, 2_500), (999_980, 2_500)] {
        let location = location("any-version");
        put(&client, &location, &checkpoint_at(behind), checkpoint(1000)).await;
        let hint = format!(r#"{{"version":{behind},"size":1}}"#);
        put(&client, &location, "_delta_log/_last_checkpoint", hint.into()).await;
        seeded(&client, &location, behind - older..behind + 1).await;
        let mut writer = table(&client, &location);
        // By the checkpoint, everything below 70 is stored.
        for offset in 70..90 {
            writer.append(&mut Offsets::new(0, offset..offset + 1), soon()).await.unwrap();
        }
        let proxy = Proxy::start(|_| Handling::Passes).await;
        let mut cold = table(&client_of(&proxy.endpoint).await, &location);
        let started = Clock::now();
        let done = cold.append(&mut Offsets::new(0, 80..100), soon()).await.unwrap();
        println!("version {}: {} requests, {:?}", behind + 21, proxy.seen().len(), started.elapsed());
        assert_eq!((done.version, done.rows), (Some(behind + 21), 10));
        requests.push(proxy.seen().len());
    }
    // Requests: _last_checkpoint, LIST, the checkpoint's positions, the newest commit; then the file and the commit.
    assert_eq!(requests, [6; 3]);
}

const CHECKPOINT: &str = "_delta_log/00000000000000000007.checkpoint.parquet";

#[tokio::test]
async fn a_writer_reads_a_large_checkpoint_in_pieces_and_a_reader_of_its_files_all_of_it() {
    let (client, location) = (client().await, location("large"));
    let files = 100_000;
    let body = checkpoint(files);
    let bytes = body.len();
    put(&client, &location, CHECKPOINT, body).await;
    put(&client, &location, "_delta_log/_last_checkpoint", r#"{"version":7,"size":1}"#.into()).await;

    let proxy = Proxy::start(|_| Handling::Passes).await;
    let mut writer = table(&client_of(&proxy.endpoint).await, &location);
    let started = Clock::now();
    let apps = writer.app_versions(soon()).await.unwrap();
    let cold = started.elapsed();
    assert_eq!(apps.len(), 3);
    assert_eq!(apps.get(&(app_id(0) + "/hole/7")), Some(70));
    let requests = proxy.seen().len();
    assert!(requests <= 5, "{:?}", proxy.seen());
    assert_eq!(writer.append(&mut Offsets::new(0, 60..80), soon()).await.unwrap().version, Some(8));

    let started = Clock::now();
    let found = snapshot(&client, &location).await;
    let read = started.elapsed();
    assert_eq!((found.version(), found.files().len()), (8, files + 1));
    assert_eq!(found.rows(), Some(files as u64 * 10 + 10));
    println!(
        "checkpoint of {files} files, {bytes} bytes: writer {cold:?} in {requests} requests, snapshot {read:?}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_was_cut_short_is_reported_by_its_name() {
    let (client, location) = (client().await, location("damaged"));
    for files in [10, 20_000] {
        let mut body = checkpoint(files);
        body.truncate(body.len() - 100);
        put(&client, &location, CHECKPOINT, body).await;
        let of_writer = table(&client, &location).app_versions(soon()).await.unwrap_err();
        let of_reader = Snapshot::read(client.clone(), location.clone(), soon()).await.unwrap_err();
        for fault in [of_writer, of_reader] {
            assert!(matches!(fault, LakeError::Log { .. }), "{fault}");
            assert!(fault.to_string().contains(CHECKPOINT), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_hint_that_is_older_than_a_checkpoint_or_names_one_that_is_gone_does_not_mislead() {
    let client = client().await;
    for hint in [3, 9] {
        let location = location("hint");
        put(&client, &location, CHECKPOINT, checkpoint(10)).await;
        seeded(&client, &location, 8..12).await;
        put(&client, &location, "_delta_log/_last_checkpoint", format!("{{\"version\":{hint}}}").into())
            .await;
        let mut writer = table(&client, &location);
        assert_eq!(writer.app_versions(soon()).await.unwrap().get(&app_id(0)), Some(70), "{hint}");
        assert_eq!(writer.append(&mut Offsets::new(0, 60..80), soon()).await.unwrap().version, Some(12));
    }
}
