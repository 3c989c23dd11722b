//! A vacuum deletes the files that nothing names, and no others.

use futures::StreamExt;
use lake::LakeError;
use serde_json::json;

use crate::proxy::{Handling, Proxy};
use crate::support::{Offsets, client, client_of, each_once, location, snapshot, soon, stored, table};
use crate::tables::{HOUR, WEEK, append, commit, keeper, keys, later, put, wait_for_clock};

#[tokio::test]
async fn unnamed_files_are_deleted_once_they_are_old_enough_and_a_dry_run_only_counts_them() {
    let (client, location) = (client().await, location("lost"));
    append(&client, &location, 0..3).await;
    put(&client, &location, "kind=raw/lost.parquet", "123456").await;
    let keeper = keeper(&client, &location);
    let young = keeper.vacuum(HOUR, HOUR, false, chrono::Utc::now(), soon()).await.unwrap();
    assert_eq!((young.files, young.young, young.complete), (0, 1, true));
    let before = keys(&client, &location).await;
    let dry = keeper.vacuum(HOUR, HOUR, true, later(), soon()).await.unwrap();
    assert_eq!((dry.files, dry.bytes, dry.young), (1, 6, 0));
    assert_eq!(keys(&client, &location).await, before);
    assert_eq!(keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap(), dry);
    assert_eq!(keys(&client, &location).await.len(), before.len() - 1);
    assert_eq!(keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap().files, 0);
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..30));
}

#[tokio::test]
async fn a_removed_file_stays_for_the_retention_also_after_a_checkpoint() {
    let (client, location) = (client().await, location("removed"));
    append(&client, &location, 0..2).await;
    let file = snapshot(&client, &location).await.files()[0].key.clone();
    let now = chrono::Utc::now();
    let remove =
        json!({"remove": {"path": file, "deletionTimestamp": now.timestamp_millis(), "dataChange": true}});
    commit(&client, &location, 2, &[remove]).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    let within = now + chrono::Duration::days(6);
    assert_eq!(keeper.vacuum(WEEK, HOUR, false, within, soon()).await.unwrap().files, 0);
    let beyond = now + chrono::Duration::days(8);
    assert_eq!(keeper.vacuum(WEEK, HOUR, false, beyond, soon()).await.unwrap().files, 1);
    assert!(!keys(&client, &location).await.contains(&file));
    assert_eq!(stored(&snapshot(&client, &location).await).await.len(), 10);
    // Longer than checkpoints remember removed files.
    let fault = keeper.vacuum(WEEK * 2, HOUR, false, beyond, soon()).await.unwrap_err();
    assert!(fault.to_string().contains("keep_removed"), "{fault}");
}

/// Trino 24872 deleted live files, and delta-rs 4646 deleted nothing. Both confused two encodings of a path.
#[tokio::test]
async fn encoded_and_unencoded_paths_are_compared_as_keys() {
    let (client, location) = (client().await, location("encoded"));
    append(&client, &location, 0..1).await;
    let mut version = 0;
    // The key on S3, and the path that different writers put into the log for it.
    for (key, path) in [
        ("kind=a%20b%3Ac/1.parquet", "kind=a%2520b%253Ac/1.parquet"),
        ("kind=a b:ü/2.parquet", "kind=a%20b%3A%C3%BC/2.parquet"),
        ("kind=a b:ü/3.parquet", "kind=a b:ü/3.parquet"),
        ("kind=x+y&z~(1)/4.parquet", "kind=x+y&z~(1)/4.parquet"),
        // The writer has not encoded it, although it contains a percent sign.
        ("kind=50%25/5.parquet", "kind=50%25/5.parquet"),
        ("kind=abs/6.parquet", "ABSOLUTE"),
    ] {
        put(&client, &location, key, "x").await;
        let path = if path == "ABSOLUTE" {
            format!("s3a://{}/{}", location.bucket(), location.key(key))
        } else {
            path.to_owned()
        };
        version += 1;
        let add = json!({"add": {"path": path, "partitionValues": {"kind": "k"}, "size": 1, "modificationTime": 1, "dataChange": true}});
        commit(&client, &location, version, &[add]).await;
    }
    put(&client, &location, "kind=a b:ü/lost.parquet", "x").await;
    put(&client, &location, "kind=a%20b%3Ac/lost.parquet", "x").await;
    let before = keys(&client, &location).await;
    let done = keeper(&client, &location).vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
    assert_eq!((done.files, done.refused.as_slice()), (2, [].as_slice()));
    let after = keys(&client, &location).await;
    let gone: Vec<_> = before.iter().filter(|key| !after.contains(key)).collect();
    assert!(gone.len() == 2 && gone.iter().all(|key| key.ends_with("lost.parquet")), "{gone:?}");
}

/// delta-rs 1817: the deletion vectors of live files could be deleted.
#[tokio::test]
async fn deletion_vectors_of_live_files_and_hidden_files_stay() {
    let (client, location) = (client().await, location("vectors"));
    append(&client, &location, 0..1).await;
    let vector = json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40, "cardinality": 6});
    let add = json!({"add": {"path": "x.parquet", "partitionValues": {"kind": "k"}, "size": 1, "modificationTime": 1, "dataChange": true, "deletionVector": vector}});
    commit(&client, &location, 1, &[add]).await;
    let live = "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
    let kept = [
        live,
        "x.parquet",
        "_spark_metadata/0",
        ".staging/x.parquet",
        "kind=raw/_temporary/x.parquet",
        "_change_data/cdc.parquet",
    ];
    for key in kept.into_iter().chain(["ab/deletion_vector_00000000-8816-431a-aaf6-d3fe2512ff61.bin"]) {
        put(&client, &location, key, "x").await;
    }
    let keeper = keeper(&client, &location);
    // The checkpoint names them too.
    keeper.checkpoint(1, soon()).await.unwrap();
    assert_eq!(keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap().files, 1);
    let left = keys(&client, &location).await;
    assert!(kept.iter().all(|key| left.contains(&(*key).to_owned())), "{left:?}");
}

/// S3 lists 1,000 objects per page and deletes 1,000 per request.
#[tokio::test]
async fn more_files_than_one_page_or_request_are_deleted() {
    let (client, location) = (client().await, location("pages"));
    append(&client, &location, 0..2).await;
    let puts = (0..2_300).map(|n| {
        let (client, location) = (client.clone(), location.clone());
        async move { put(&client, &location, &format!("kind=raw/a-{n:05}.parquet"), "x").await }
    });
    futures::stream::iter(puts).buffer_unordered(32).collect::<()>().await;
    let done = keeper(&client, &location).vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
    assert_eq!((done.files, done.bytes, done.complete), (2_300, 2_300, true));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

/// A feature may add references to files that this crate does not know.
#[tokio::test]
async fn a_table_with_an_unknown_feature_is_rejected_and_not_changed() {
    let (client, location) = (client().await, location("unknown"));
    append(&client, &location, 0..3).await;
    keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["checkpointProtection"]}});
    commit(&client, &location, 3, &[protocol]).await;
    put(&client, &location, "lost.parquet", "x").await;
    let (keeper, before) = (keeper(&client, &location), keys(&client, &location).await);
    let faults = [
        keeper.checkpoint(1, soon()).await.map(drop).unwrap_err(),
        keeper.clean_log(HOUR, false, later(), soon()).await.map(drop).unwrap_err(),
        keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.map(drop).unwrap_err(),
    ];
    for fault in faults {
        assert!(matches!(&fault, LakeError::Unsupported { .. }), "{fault}");
        assert!(fault.to_string().contains("checkpointProtection"), "{fault}");
    }
    assert_eq!(keys(&client, &location).await, before);
}

/// delta-rs 3645: a file that was written but not committed yet was deleted.
#[tokio::test]
async fn files_that_are_committed_during_a_vacuum_stay() {
    let client = client().await;
    // The vacuum is stopped at its listing, after it has read the log, or at its deletion, after it has listed.
    for (waiting, young) in [("list-type=2", 2), ("delete", 1)] {
        let location = location("beside");
        append(&client, &location, 0..1).await;
        put(&client, &location, "kind=raw/lost.parquet", "x").await;
        let old = wait_for_clock(&client, &location).await;
        // This writer has written its file but not its commit.
        let mut writer =
            Proxy::start(|request| if request.is_commit() { Handling::Waits } else { Handling::Passes })
                .await;
        let mut slow = table(&client_of(&writer.endpoint).await, &location);
        let append_of_slow =
            tokio::spawn(async move { slow.append(&mut Offsets::new(0, 10..20), soon()).await });
        writer.has_met(Handling::Waits).await;

        let mut between = Proxy::start(move |request| {
            let of_log = request.target.contains("_delta_log");
            if request.target.contains(waiting) && !of_log { Handling::Waits } else { Handling::Passes }
        })
        .await;
        let keeper_between = keeper(&client_of(&between.endpoint).await, &location);
        // Only the objects from before the clock moved are older than an hour.
        let now = old + chrono::Duration::hours(1) + chrono::Duration::seconds(1);
        let vacuum = tokio::spawn(async move { keeper_between.vacuum(HOUR, HOUR, false, now, soon()).await });
        between.has_met(Handling::Waits).await;
        writer.release();
        append_of_slow.await.unwrap().unwrap();
        append(&client, &location, 2..3).await;
        assert!(!vacuum.is_finished());
        between.release();
        let done = vacuum.await.unwrap().unwrap();
        assert_eq!((done.files, done.young, done.complete), (1, young, true), "{waiting}");
        assert!(!keys(&client, &location).await.contains(&"kind=raw/lost.parquet".to_owned()), "{waiting}");
        assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..30), "{waiting}");
    }
}
