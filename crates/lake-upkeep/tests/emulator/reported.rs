//! Bugs that users of other tools reported about maintenance, as tests of this crate. The numbers are those
//! of the issues.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch, StringArray, cast::AsArray, types::Int64Type};
use arrow_schema::{DataType, Field, Schema};
use futures::TryStreamExt;
use lake::{
    AppVersions, Append, Compaction, FileEncoder, LakeError, PartitionFile, Plan, Table, TableSchema,
};
use serde_json::json;

use crate::support::{client, each_once, location, snapshot, soon, stored};
use crate::tables::{HOUR, actions, append, commit, hint, keeper, keys, later, log_names, put};

/// A compaction of all small files.
fn compaction() -> Compaction {
    Compaction { target_bytes: 64 << 20, min_files: 2, event_time: None, deadline: soon() }
}

/// delta-rs 455 and 2507: RESTORE adds a removed file again, but the file stayed removed.
#[tokio::test]
async fn a_removed_file_that_is_added_again_is_active() {
    let (client, location) = (client().await, location("restored"));
    append(&client, &location, 0..2).await;
    let added = actions(&client, &location, 0, "add").await;
    let path = added[0]["add"]["path"].clone();
    let removed = json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true}});
    commit(&client, &location, 2, &[removed]).await;
    let keeper = keeper(&client, &location);
    // The checkpoint contains only the removal. The addition comes after it.
    keeper.checkpoint(1, soon()).await.unwrap();
    commit(&client, &location, 3, &added).await;
    keeper.checkpoint(1, soon()).await.unwrap();
    keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
    assert_eq!(log_names(&client, &location).await.len(), 4);
    let done = keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
    assert_eq!((done.files, done.complete), (0, true));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

/// Trino 31252: one commit adds a file with a deletion vector and then removes the same file without one. The
/// checkpoint lost the file.
#[tokio::test]
async fn a_file_with_a_new_deletion_vector_stays_active_when_its_old_entry_is_removed() {
    let (client, location) = (client().await, location("vector-first"));
    append(&client, &location, 0..2).await;
    let mut with_vector = actions(&client, &location, 0, "add").await.remove(0);
    let path = with_vector["add"]["path"].clone();
    with_vector["add"]["deletionVector"] = json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
        "offset": 4, "sizeInBytes": 40, "cardinality": 6});
    put(&client, &location, "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", "x").await;
    let removed = json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true}});
    commit(&client, &location, 2, &[with_vector, removed]).await;
    let keeper = keeper(&client, &location);
    for _ in 0..2 {
        let stats = keeper.stats(1 << 20, soon()).await.unwrap();
        assert_eq!((stats.files, stats.unneeded_files), (2, 0), "{stats:?}");
        keeper.checkpoint(1, soon()).await.unwrap();
        keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
        assert_eq!(keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap().files, 0);
    }
}

/// Trino 22748: `_last_checkpoint` was empty. delta-kernel-rs 582: it named a checkpoint that was deleted.
/// Readers that trust it fail until it is written again.
#[tokio::test]
async fn an_invalid_last_checkpoint_file_is_rewritten() {
    let (client, location) = (client().await, location("nowhere"));
    append(&client, &location, 0..5).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    for broken in ["", "null", r#"{"version":900,"size":1}"#] {
        put(&client, &location, "_delta_log/_last_checkpoint", broken).await;
        assert!(!keeper.checkpoint(10, soon()).await.unwrap().made, "{broken}");
        assert_eq!(hint(&client, &location).await["version"], 4, "{broken}");
    }
    put(&client, &location, "_delta_log/_last_checkpoint", r#"{"version":900,"size":1}"#).await;
    append(&client, &location, 5..6).await;
    assert!(keeper.checkpoint(1, soon()).await.unwrap().made);
    assert_eq!(hint(&client, &location).await["version"], 5);
}

/// delta-rs 3049: a checkpoint without any file was written. Here no file is lost. The table also has Hadoop's folder
/// markers.
#[tokio::test]
async fn a_table_without_rows_is_maintained_and_folder_markers_stay() {
    let (client, location, other) = (client().await, location("empty"), location("columns"));
    append(&client, &other, 0..1).await;
    let mut definitions = actions(&client, &other, 0, "protocol").await;
    definitions.extend(actions(&client, &other, 0, "metaData").await);
    commit(&client, &location, 0, &definitions).await;
    let markers = ["_delta_log/", "kind=raw/"];
    for key in markers.into_iter().chain(["kind=raw/lost.parquet"]) {
        put(&client, &location, key, "").await;
    }
    let keeper = keeper(&client, &location);
    let made = keeper.checkpoint(1, soon()).await.unwrap();
    assert_eq!((made.version, made.made, made.files), (Some(0), true, 0));
    assert_eq!(keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap().files, 1);
    keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
    let left = keys(&client, &location).await;
    assert!(markers.iter().all(|marker| left.contains(&(*marker).to_owned())), "{left:?}");
    let done = compaction().run(&snapshot(&client, &location).await).await.unwrap();
    assert!(done.versions.is_empty() && done.fault.is_none(), "{done:?}");
    append(&client, &location, 0..2).await;
    keeper.checkpoint(1, soon()).await.unwrap();
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

/// delta 4058: a path that is added twice, for example with new statistics, is one file of the table.
#[tokio::test]
async fn a_file_that_is_added_twice_counts_once() {
    let (client, location) = (client().await, location("twice"));
    append(&client, &location, 0..2).await;
    let mut again = actions(&client, &location, 0, "add").await.remove(0);
    again["add"]["tags"] = json!({"seen": "again"});
    again["add"]["dataChange"] = json!(false);
    commit(&client, &location, 2, &[again]).await;
    let keeper = keeper(&client, &location);
    assert_eq!(keeper.stats(1 << 20, soon()).await.unwrap().files, 2);
    assert_eq!(keeper.checkpoint(1, soon()).await.unwrap().files, 2);
    let found = snapshot(&client, &location).await;
    assert_eq!((found.files().len(), found.rows()), (2, Some(20)));
    let done = compaction().run(&found).await.unwrap();
    assert_eq!((done.files_removed, done.rows), (2, 20), "{done:?}");
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

/// Writes one file for each pair of partition values.
struct FilePerPair {
    schema: TableSchema,
    pairs: Vec<(Option<String>, Option<String>)>,
    first: i64,
}

impl Append for FilePerPair {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, _apps: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: Vec::new() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        let Self { schema, pairs, first } = &*self;
        let encoder = FileEncoder::new(schema);
        (*first..).zip(pairs).map(move |(number, (a, b))| {
            let numbers = Arc::new(Int64Array::from(vec![number]));
            let batch = RecordBatch::try_new(Arc::clone(schema.arrow()), vec![numbers]).unwrap();
            encoder.encode(vec![a.clone(), b.clone()], &batch)
        })
    }
}

/// delta-rs 4528: compaction of a table with several partition columns lost the values of some of them.
#[tokio::test]
async fn compaction_preserves_all_partition_values_and_nulls() {
    let (client, location) = (client().await, location("pairs"));
    let fields = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    let schema = TableSchema::new(Arc::new(fields), vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let values = [None, Some("x"), Some("x/y=ü %")].map(|value| value.map(ToOwned::to_owned));
    let pairs: Vec<_> = values.iter().flat_map(|a| values.iter().map(|b| (a.clone(), b.clone()))).collect();
    let mut table = Table::new(client.clone(), location.clone(), schema.clone());
    for first in [0, 100, 200] {
        let mut append = FilePerPair { schema: schema.clone(), pairs: pairs.clone(), first };
        table.append(&mut append, soon()).await.unwrap();
    }
    let mut expected: Vec<_> = [0, 100, 200]
        .iter()
        .flat_map(|first| (*first..).zip(&pairs).map(|(number, (a, b))| (number, a.clone(), b.clone())))
        .collect();
    expected.sort();
    let done = compaction().run(&snapshot(&client, &location).await).await.unwrap();
    assert_eq!((done.files_removed, done.files_added), (27, 9), "{done:?}");
    keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    let after = snapshot(&client, &location).await;
    let batches: Vec<_> = after.scan(&["n", "a", "b"], soon()).try_collect().await.unwrap();
    let mut found = Vec::new();
    for batch in batches.into_iter().flat_map(|(_, batches)| batches) {
        let text = |column: usize, row| {
            let column: &StringArray = batch.column(column).as_string();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let numbers = batch.column(0).as_primitive::<Int64Type>();
        found.extend((0..batch.num_rows()).map(|row| (numbers.value(row), text(1, row), text(2, row))));
    }
    found.sort();
    assert_eq!(found, expected);
}
