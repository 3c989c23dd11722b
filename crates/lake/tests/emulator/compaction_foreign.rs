//! Compaction of tables that other writers change, and of files that do not fit.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use aws_sdk_s3::Client;
use faults::{Classified, FaultClass};
use futures::TryStreamExt;
use lake::{ActiveFile, Compaction, LakeError, Snapshot, Table, TableSchema};
use s3::S3Location;

use crate::{
    compaction::{compact, compaction, small_files},
    foreign::{put, uploaded},
    proxy::{Handling, Proxy},
    schema::Batch,
    support::{
        Offsets, client, client_of, columns, each_once, in_file_order, location, snapshot, soon, stored,
        table,
    },
    types::{Rooms, batch},
};

async fn commit(client: &Client, location: &S3Location, version: i64, lines: &[String]) {
    put(client, location, &format!("_delta_log/{version:020}.json"), lines.join("\n").into_bytes()).await;
}

fn remove(file: &ActiveFile) -> String {
    format!(r#"{{"remove":{{"path":"{}","deletionTimestamp":1,"dataChange":true}}}}"#, file.key)
}

/// A table with thirty files of ten rows, and a compaction of them in several groups.
async fn in_groups(test: &str) -> (Client, S3Location, Snapshot, Compaction) {
    let (client, location) = (client().await, location(test));
    small_files(&client, &location, 30).await;
    let found = snapshot(&client, &location).await;
    let compaction = Compaction { target_bytes: found.files()[0].size * 8, ..compaction() };
    assert!(compaction.plan(&found).len() >= 3);
    (client, location, found, compaction)
}

#[tokio::test]
async fn a_delete_after_the_plan_gives_up_its_group_and_no_other() {
    let (client, location, found, compaction) = in_groups("deleted").await;
    let groups = compaction.plan(&found);
    commit(&client, &location, 30, &[remove(&groups[1].files[2])]).await;
    let done = compaction.run(&found).await.unwrap();
    assert!(done.fault.is_none() && done.unfit.is_empty(), "{done:?}");
    assert_eq!((done.versions.len(), done.given_up.len()), (groups.len() - 1, 1));
    assert!(done.given_up[0].reason.contains(&groups[1].files[2].key), "{done:?}");
    let after = snapshot(&client, &location).await;
    assert_eq!(stored(&after).await.len(), 290);
    assert!(after.files().iter().all(|file| file.key != groups[1].files[2].key));
    // The next run compacts the rest of the group.
    assert_eq!(compaction.run(&after).await.unwrap().versions.len(), 1);
    assert_eq!(stored(&snapshot(&client, &location).await).await.len(), 290);
}

#[tokio::test]
async fn a_group_that_would_not_end_in_time_is_left_and_a_smaller_one_is_put_together() {
    let (client, location) = (client().await, location("in-time"));
    small_files(&client, &location, 5).await;
    let large = |name: &str| {
        let values = r#""partitionValues":{"kind":"large"},"size":60000000,"modificationTime":1"#;
        format!(r#"{{"add":{{"path":"{name}",{values},"dataChange":true}}}}"#)
    };
    commit(&client, &location, 5, &[large("a.parquet"), large("b.parquet")]).await;
    let found = snapshot(&client, &location).await;
    let ten_seconds = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let compaction = Compaction { target_bytes: 128 << 20, deadline: ten_seconds, ..compaction() };
    assert_eq!(compaction.plan(&found).len(), 2);
    let done = compaction.run(&found).await.unwrap();
    assert!(done.fault.is_none(), "{done:?}");
    assert_eq!((done.left, done.versions.len(), done.files_removed), (1, 1, 5));
}

#[tokio::test]
async fn a_delete_that_lands_between_the_data_and_the_commit_is_seen() {
    let (client, location) = (client().await, location("deleted-late"));
    small_files(&client, &location, 5).await;
    let found = snapshot(&client, &location).await;
    let line = remove(&found.files()[0]);
    let mut proxy = Proxy::start(|r| if r.is_commit() { Handling::Hangs } else { Handling::Passes }).await;
    let through = snapshot(&client_of(&proxy.endpoint).await, &location).await;
    let running = tokio::spawn(async move { compact(&through).await });
    proxy.has_met(Handling::Hangs).await;
    commit(&client, &location, 5, &[line]).await;
    // The request that hangs is given up after a while and sent again, and hangs again. So the run is ended here.
    running.abort();
    assert_eq!(stored(&snapshot(&client, &location).await).await.len(), 40);
    // The same during the run: the commit is lost, and the removed file is noticed before the next version is tried.
    let racing = snapshot(&client, &location).await;
    let files = racing.files().to_vec();
    let (inner, place) = (client.clone(), location.clone());
    let mut table = Table::of(&racing).unwrap();
    let mut since = lake::Since::new(&racing);
    table.objection(&mut since, &files, soon()).await.unwrap();
    commit(&inner, &place, 6, &[remove(&files[1])]).await;
    let objection = table.objection(&mut since, &files, soon()).await.unwrap();
    assert!(objection.unwrap().contains(&files[1].key));
}

#[tokio::test]
async fn appends_after_the_plan_stay_and_are_not_waited_for() {
    let (client, location, found, compaction) = in_groups("appended").await;
    let mut writer = table(&client, &location);
    for from in [300, 310, 320] {
        writer.append(&mut Offsets::new(0, 0..from + 10), soon()).await.unwrap();
    }
    let done = compaction.run(&found).await.unwrap();
    assert!(done.fault.is_none() && done.given_up.is_empty(), "{done:?}");
    assert_eq!(done.lost, 0, "earlier commits must be read before the first attempt");
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..330));
    // The warm writer continues without noticing.
    assert_eq!(writer.append(&mut Offsets::new(0, 0..340), soon()).await.unwrap().rows, 10);
}

#[tokio::test]
async fn a_table_that_may_no_longer_be_written_is_left_alone() {
    let protocol =
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking"]}}"#;
    let (client, location, found, compaction) = in_groups("locked").await;
    commit(&client, &location, 30, &[protocol.to_owned()]).await;
    let fault = compaction.run(&found).await.unwrap_err();
    assert!(matches!(fault, LakeError::Unsupported { .. }), "{fault}");
    assert_eq!(fault.class(), FaultClass::Configuration);
    assert_eq!(stored(&found).await, each_once(0..1, 0..300));
}

#[tokio::test]
async fn files_with_deletion_vectors_are_left_alone() {
    let (client, location, found, _) = in_groups("vectors").await;
    let file = &found.files()[3];
    let add = serde_json::json!({"add": {
        "path": file.key, "partitionValues": file.partition, "size": file.size, "modificationTime": 1, "dataChange": true,
        "deletionVector": {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 1, "sizeInBytes": 36, "cardinality": 2},
    }});
    commit(&client, &location, 30, &[remove(file), add.to_string()]).await;
    // The plan was made before. For the compaction, the file that got a deletion vector is gone.
    let given_up = compact_without_fault(&found).await;
    assert!(given_up[0].contains(&file.key), "{given_up:?}");
    let newest = snapshot(&client, &location).await;
    assert!(compact_without_fault(&newest).await.is_empty());
    let after = snapshot(&client, &location).await;
    assert_eq!(after.files().len(), 2);
    assert!(after.files().iter().any(|left| left.key == file.key));
}

async fn compact_without_fault(snapshot: &Snapshot) -> Vec<String> {
    compact(snapshot).await.given_up.into_iter().map(|given_up| given_up.reason).collect()
}

/// delta 606 and others: the log was cleaned up while it was read. A free version below the newest must not be taken.
#[tokio::test]
async fn a_log_that_was_cleaned_up_since_the_plan_ends_the_run() {
    let (client, location) = (client().await, uploaded(&client().await, "v1").await);
    let found = snapshot(&client, &location).await;
    // Writes later versions, and cleans up the first of them.
    for offset in [41, 42, 43] {
        table(&client, &location).append(&mut Offsets::new(0, 0..offset), soon()).await.unwrap();
    }
    let gone = location.key("_delta_log/00000000000000000004.json");
    client.delete_object().bucket(location.bucket()).key(gone).send().await.unwrap();
    let fault = compaction().run(&found).await.unwrap_err();
    assert!(matches!(fault, LakeError::Moved { .. }), "{fault}");
    let taken = location.key("_delta_log/00000000000000000004.json");
    assert!(client.head_object().bucket(location.bucket()).key(taken).send().await.is_err());
}

/// delta-rs 3047: compactions after a checkpoint doubled the data each time.
#[tokio::test]
async fn tables_with_checkpoints_of_every_kind_are_compacted_again_and_again() {
    let client = client().await;
    for fixture in ["v1", "parts", "v2-parquet", "v2-json"] {
        let location = uploaded(&client, fixture).await;
        for round in 1..4 {
            let done = compact(&snapshot(&client, &location).await).await;
            assert!(done.given_up.is_empty() && done.unfit.is_empty(), "{fixture}: {done:?}");
            let to = 40 + round * 10;
            table(&client, &location).append(&mut Offsets::new(0, 0..to), soon()).await.unwrap();
            let after = snapshot(&client, &location).await;
            assert!(after.files().len() <= 3, "{fixture}: {:?}", after.files());
            assert_eq!(stored(&after).await, each_once(0..1, 0..to), "{fixture}");
        }
    }
}

/// Spark's INT96 timestamps and microseconds are merged into one file, and the times stay the same.
#[tokio::test]
async fn a_table_of_spark_keeps_its_rows() {
    let client = client().await;
    let location = uploaded(&client, "forecast").await;
    let before = rows_as_text(&snapshot(&client, &location).await).await;
    let done = compact(&snapshot(&client, &location).await).await;
    assert!(done.files_removed >= 2 && done.unfit.is_empty(), "{done:?}");
    let after = snapshot(&client, &location).await;
    assert_eq!(rows_as_text(&after).await, before);
}

async fn rows_as_text(snapshot: &Snapshot) -> Vec<String> {
    let columns: Vec<&str> = snapshot.columns().collect();
    let files: Vec<_> = snapshot.scan(&columns, soon()).try_collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in files.into_iter().flat_map(|(_, batches)| batches) {
        for row in 0..batch.num_rows() {
            rows.push(format!("{:?}", batch.slice(row, 1).columns()));
        }
    }
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn rows_stay_in_their_partitions_for_any_values() {
    let client = client().await;
    let (batch, location) = (batch(true), location("odd-partitions"));
    let schema = TableSchema::new(batch.schema(), vec!["room".into(), "kind".into()]).unwrap();
    let mut table = Table::new(client.clone(), location.clone(), schema.clone());
    for _ in 0..3 {
        table.append(&mut Rooms(schema.clone(), batch.clone()), soon()).await.unwrap();
    }
    let before = snapshot(&client, &location).await;
    let rows = rows_as_text(&before).await;
    // The empty string and null are one partition.
    assert_eq!((compact(&before).await.files_added, before.files().len()), (6, 21));
    let after = snapshot(&client, &location).await;
    assert_eq!((after.files().len(), after.rows()), (6, Some(63)));
    assert_eq!(rows_as_text(&after).await, rows);
    assert_eq!(rows.len(), 63);
}

#[tokio::test]
async fn files_from_before_a_new_column_are_put_together_with_later_ones() {
    let (client, location) = (client().await, location("evolved"));
    let n = || Field::new("n", DataType::Int64, false);
    let wide = || columns(vec![n(), Field::new("s", DataType::Utf8, true)]);
    let numbers = |v: i64| Arc::new(Int64Array::from(vec![v, v + 1])) as Arc<dyn Array>;
    for (value, schema) in [(1, columns(vec![n()])), (3, wide()), (5, columns(vec![n()]))] {
        let text = Arc::new(StringArray::from(vec![Some("x"), None])) as Arc<dyn Array>;
        let arrays = [numbers(value), text].into_iter().take(schema.arrow().fields().len()).collect();
        let rows = RecordBatch::try_new(schema.arrow().clone(), arrays).unwrap();
        let mut table = Table::new(client.clone(), location.clone(), schema.clone());
        table.append(&mut Batch(schema, rows), soon()).await.unwrap();
    }
    let before = snapshot(&client, &location).await;
    let done = compact(&before).await;
    assert_eq!((done.files_removed, done.rows, done.unfit.len()), (3, 6, 0));
    let after = snapshot(&client, &location).await;
    assert_eq!(rows_as_text(&after).await, rows_as_text(&before).await);
    // A column has another type in the file than in the table. The file stays, and the others are merged.
    let other = columns(vec![Field::new("n", DataType::Utf8, true)]);
    let text =
        RecordBatch::try_new(other.arrow().clone(), vec![Arc::new(StringArray::from(vec!["7"]))]).unwrap();
    let file = lake::FileEncoder::new(&other).encode(vec![None], &text).unwrap();
    put(&client, &location, "odd.parquet", file.bytes.to_vec()).await;
    let add = |path: &str| {
        format!(
            r#"{{"add":{{"path":"{path}","partitionValues":{{"kind":null}},"size":{},"modificationTime":1,"dataChange":true}}}}"#,
            file.bytes.len()
        )
    };
    commit(&client, &location, after.version() + 1, &[add("odd.parquet"), add("never-there.parquet")]).await;
    let schema = columns(vec![n()]);
    let rows = RecordBatch::try_new(schema.arrow().clone(), vec![numbers(9)]).unwrap();
    let mut table = Table::new(client.clone(), location.clone(), schema.clone());
    table.append(&mut Batch(schema, rows), soon()).await.unwrap();
    let done = compact(&snapshot(&client, &location).await).await;
    assert_eq!((done.files_removed, done.rows), (2, 8), "{done:?}");
    let unfit: Vec<_> = done.unfit.iter().map(|unfit| unfit.files[0].as_str()).collect();
    assert_eq!(unfit, ["never-there.parquet", "odd.parquet"]);
}

#[tokio::test]
async fn rows_are_in_stretches_by_the_event_time_and_a_column_that_has_no_order_is_refused() {
    let (client, location) = (client().await, location("sorted"));
    let mut writer = table(&client, &location);
    for partition in [3, 1, 2] {
        writer.append(&mut Offsets::new(partition, 0..70_000), soon()).await.unwrap();
    }
    let found = snapshot(&client, &location).await;
    for column in ["_partition", "kind", "nowhere"] {
        let refused = Compaction { event_time: Some(column.to_owned()), ..compaction() };
        let fault = refused.run(&found).await.unwrap_err();
        assert!(matches!(&fault, LakeError::Schema { column: named, .. } if named == column), "{fault}");
    }
    let by_offset = Compaction { event_time: Some("_offset".to_owned()), ..compaction() };
    by_offset.run(&found).await.unwrap();
    let after = snapshot(&client, &location).await;
    let rows = in_file_order(&after).await;
    let stretches: Vec<_> = rows.chunks(65_536).collect();
    let offset = |row: &(i32, i64)| row.1;
    let in_order =
        |pair: &[&[(i32, i64)]]| pair[0].iter().map(offset).max() <= pair[1].iter().map(offset).min();
    assert!(rows.len() == 210_000 && stretches.windows(2).all(in_order));
    let first: Vec<_> = stretches[0].chunk_by(|a, b| a.0 == b.0).map(|run| run[0]).collect();
    assert_eq!(first, [(3, 0), (1, 0), (2, 0)], "rows of a Kafka partition stay together");
}

#[tokio::test]
async fn a_compaction_takes_one_request_a_file_and_four_a_group() {
    let (client, location) = (client().await, location("compaction-cost"));
    small_files(&client, &location, 40).await;
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let found = snapshot(&client_of(&proxy.endpoint).await, &location).await;
    let compaction = Compaction { target_bytes: found.files()[0].size * 12, ..compaction() };
    let before = proxy.seen().len();
    let done = compaction.run(&found).await.unwrap();
    assert!(done.versions.len() >= 3, "{done:?}");
    // Requests: four for the state, one for later commits; then the files, and per group two checks, the file and the
    // commit.
    let requests = proxy.seen().len() - before;
    println!("{requests} requests for {} files in {} groups", done.files_removed, done.versions.len());
    assert_eq!(requests, 5 + done.files_removed + done.versions.len() * 4);
}
