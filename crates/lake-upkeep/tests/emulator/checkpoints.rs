//! Checkpoints contain everything that writers and readers need.

use std::time::Duration;

use futures::future::join_all;
use lake_upkeep::Checkpointed;
use serde_json::json;
use tokio::time::Instant;

use crate::proxy::{Handling, Proxy};
use crate::support::{app_id, client, client_of, each_once, location, snapshot, soon, stored, table};
use crate::tables::{HOUR, append, commit, hint, keeper, keys, later, log_names, position, put, uploaded};

#[tokio::test]
async fn a_checkpoint_is_written_only_after_enough_commits() {
    let (client, location) = (client().await, location("every"));
    let keeper = keeper(&client, &location);
    append(&client, &location, 0..9).await;
    let done = keeper.checkpoint(10, soon()).await.unwrap();
    assert_eq!((done.version, done.made, done.commits_since), (None, false, 9));
    append(&client, &location, 9..12).await;
    let done = keeper.checkpoint(10, soon()).await.unwrap();
    assert_eq!((done.version, done.made, done.commits_since, done.files), (Some(11), true, 0, 12));
    let again = keeper.checkpoint(10, soon()).await.unwrap();
    assert_eq!((again.version, again.made, again.commits_since), (Some(11), false, 0));
}

/// The checkpoint must have all app transactions, also those that a writer does not repeat in its commits.
#[tokio::test]
async fn rows_and_positions_are_kept_when_the_log_before_the_checkpoint_is_deleted() {
    let (client, location) = (client().await, location("survive"));
    append(&client, &location, 0..12).await;
    // More app ids than a writer puts into every commit, with holes and parked offsets among them.
    let ids: Vec<_> = (0..200)
        .map(|n| json!({"txn": {"appId": format!("headwater/tests/topic/0/hole/{n}"), "version": n}}))
        .collect();
    commit(&client, &location, 12, &ids).await;
    let before = table(&client, &location).app_versions(soon()).await.unwrap().clone();
    assert_eq!(before.len(), 201);

    let keeper = keeper(&client, &location);
    assert!(keeper.checkpoint(5, soon()).await.unwrap().made);
    let cleaned = keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
    assert_eq!((cleaned.oldest, cleaned.files, cleaned.complete), (Some(12), 12, true));
    assert_eq!(
        log_names(&client, &location).await,
        [
            "00000000000000000012.checkpoint.parquet",
            "00000000000000000012.crc",
            "00000000000000000012.json",
            "_last_checkpoint"
        ]
    );
    assert_eq!(*table(&client, &location).app_versions(soon()).await.unwrap(), before);
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..120));
    // If the batch is delivered again, the records that are stored already are skipped.
    append(&client, &location, 11..14).await;
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..140));
}

#[tokio::test]
async fn tables_with_checkpoints_of_other_tools_are_maintained() {
    let client = client().await;
    for fixture in ["v1", "parts", "v2-parquet", "v2-json"] {
        let location = uploaded(&client, fixture).await;
        append(&client, &location, 4..9).await;
        let keeper = keeper(&client, &location);
        let done = keeper.checkpoint(5, soon()).await.unwrap();
        assert_eq!((done.version, done.made, done.files), (Some(8), true, 9), "{fixture}");
        let cleaned = keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
        assert!(cleaned.complete && cleaned.refused.is_empty(), "{fixture} {cleaned:?}");
        let left = log_names(&client, &location).await;
        assert_eq!(left.len(), 4, "{fixture} {left:?}");
        let vacuumed = keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
        assert_eq!((vacuumed.files, vacuumed.complete), (0, true), "{fixture}");
        assert_eq!(position(&client, &location).await, Some(90), "{fixture}");
        assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..90), "{fixture}");
    }
}

#[tokio::test]
async fn the_checksum_file_matches_the_table() {
    let (client, location) = (client().await, location("checksum"));
    append(&client, &location, 0..12).await;
    let first = snapshot(&client, &location).await.files()[0].clone();
    let remove = json!({"remove": {"path": first.key, "deletionTimestamp": 1, "dataChange": true}});
    commit(&client, &location, 12, &[remove]).await;
    assert!(keeper(&client, &location).checkpoint(5, soon()).await.unwrap().made);
    let store = s3::ObjectStore::new(client.clone(), location.clone());
    let body = store.get("_delta_log/00000000000000000012.crc", soon()).await.unwrap().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let files = snapshot(&client, &location).await;
    let bytes: u64 = files.files().iter().map(|file| file.size).sum();
    assert_eq!((&found["numFiles"], &found["tableSizeBytes"]), (&json!(11), &json!(bytes)));
    assert_eq!((&found["numMetadata"], &found["numProtocol"]), (&json!(1), &json!(1)));
    let position = &found["setTransactions"][0];
    assert_eq!((&position["appId"], &position["version"]), (&json!(app_id(0)), &json!(120)));
    assert_eq!(found["metadata"]["partitionColumns"], json!(["kind"]));
    assert!(found["protocol"]["minReaderVersion"].is_u64());
}

/// A vacuum needs the removals within the retention of removed files, 7 days.
#[tokio::test]
async fn a_checkpoint_has_tags_and_recent_removals() {
    let (client, location) = (client().await, location("removed"));
    append(&client, &location, 0..3).await;
    let now = chrono::Utc::now().timestamp_millis();
    let remove =
        |path: &str, at: i64| json!({"remove": {"path": path, "deletionTimestamp": at, "dataChange": true}});
    let added = json!({"add": {"path": "tagged.parquet", "partitionValues": {"kind": null}, "size": 1,
        "modificationTime": 1, "dataChange": true, "tags": {"t": "v"}}});
    commit(&client, &location, 3, &[remove("young.parquet", now), remove("old.parquet", 1), added]).await;
    let keeper = keeper(&client, &location);
    assert!(keeper.checkpoint(1, soon()).await.unwrap().made);
    let store = s3::ObjectStore::new(client.clone(), location.clone());
    let path = "_delta_log/00000000000000000003.checkpoint.parquet";
    let body = store.get(path, soon()).await.unwrap().unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(body).unwrap();
    let rows = parquet::record::reader::RowIter::from_file_into(Box::new(reader));
    let rows: Vec<_> = rows.map(|row| row.unwrap().to_json_value().to_string()).collect();
    assert!(rows.iter().any(|row| row.contains("young.parquet")));
    assert!(!rows.iter().any(|row| row.contains("old.parquet")));
    assert!(rows.iter().any(|row| row.contains(r#""tags":{"t":"v"}"#)));
}

#[tokio::test]
async fn a_missing_last_checkpoint_file_is_written_by_the_next_run() {
    let (client, location) = (client().await, location("hint"));
    append(&client, &location, 0..5).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    let key = location.key("_delta_log/_last_checkpoint");
    client.delete_object().bucket(location.bucket()).key(key).send().await.unwrap();
    let done = keeper.checkpoint(10, soon()).await.unwrap();
    assert!(!done.made);
    let found = hint(&client, &location).await;
    // protocol, metaData, one position, five files
    assert_eq!((&found["version"], &found["size"]), (&json!(4), &json!(8)));
}

/// A slow keeper must not overwrite the file of a faster one.
#[tokio::test]
async fn the_last_checkpoint_file_never_names_an_older_checkpoint() {
    let (client, location) = (client().await, location("hint-race"));
    append(&client, &location, 0..5).await;
    // The keeper has written the checkpoint and reads `_last_checkpoint` for the second time.
    let mut looks = 0;
    let mut proxy = Proxy::start(move |request| {
        looks += i32::from(request.method == "GET" && request.target.contains("_last_checkpoint"));
        if looks == 2 { Handling::Waits } else { Handling::Passes }
    })
    .await;
    let slow = keeper(&client_of(&proxy.endpoint).await, &location);
    let run = tokio::spawn(async move { slow.checkpoint(1, soon()).await });
    proxy.has_met(Handling::Waits).await;
    append(&client, &location, 5..7).await;
    assert_eq!(keeper(&client, &location).checkpoint(1, soon()).await.unwrap().version, Some(6));
    proxy.release();
    assert_eq!(run.await.unwrap().unwrap().version, Some(4));
    assert_eq!(hint(&client, &location).await["version"], 6);
}

#[tokio::test]
async fn concurrent_keepers_give_one_result() {
    let (client, location) = (client().await, location("two"));
    append(&client, &location, 0..8).await;
    let orphan = "kind=raw/lost.parquet";
    put(&client, &location, orphan, "x").await;
    let run = || async {
        let keeper = keeper(&client, &location);
        let made = keeper.checkpoint(4, soon()).await.unwrap();
        keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
        keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
        made
    };
    let made: Vec<Checkpointed> = join_all((0..4).map(|_| run())).await;
    assert!(made.iter().all(|one| one.version == Some(7)));
    assert_eq!(log_names(&client, &location).await.len(), 4);
    assert!(!keys(&client, &location).await.contains(&orphan.to_owned()));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..80));
}

/// The checkpoint of the first run is at the last version that was read in time.
#[tokio::test]
async fn a_log_that_is_too_long_for_the_deadline_gets_several_checkpoints() {
    let (client, location) = (client().await, location("pieces"));
    append(&client, &location, 0..48).await;
    // From version 40 on, the responses come after the time for reading, which is six tenths of the whole time.
    let late: Vec<String> = (40..48).map(|version| format!("{version:020}.json")).collect();
    let mut proxy = Proxy::start(move |request| {
        let waits = request.method == "GET" && late.iter().any(|name| request.target.contains(name));
        if waits { Handling::Waits } else { Handling::Passes }
    })
    .await;
    let slow = keeper(&client_of(&proxy.endpoint).await, &location);
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(6);
    let run = tokio::spawn(async move { slow.checkpoint(10, deadline).await });
    proxy.has_met(Handling::Waits).await;
    tokio::time::sleep_until(begun + Duration::from_millis(4_500)).await;
    proxy.release();
    let first = run.await.unwrap().unwrap();
    assert_eq!((first.version, first.made, first.commits_since), (Some(40), true, 7));
    let then = keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    assert_eq!((then.version, then.commits_since), (Some(47), 0));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..480));
}
