//! The log is cut only at a version from which all versions within the retention can still be read.

use std::time::Duration;

use lake::LakeError;

use crate::support::{client, each_once, location, snapshot, soon, stored};
use crate::tables::{HOUR, append, keeper, keys, later, log_names, position, put, wait_for_clock};

/// delta-rs 2174: the cleanup deleted the newest checkpoint.
#[tokio::test]
async fn the_newest_checkpoint_stays_even_with_zero_retention() {
    let (client, location) = (client().await, location("newest"));
    append(&client, &location, 0..6).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    for _ in 0..2 {
        keeper.clean_log(Duration::ZERO, false, later(), soon()).await.unwrap();
        assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60));
    }
    assert_eq!(position(&client, &location).await, Some(60));
}

/// delta-rs 3692: commits were deleted although no checkpoint older than the retention contained them.
#[tokio::test]
async fn without_a_complete_checkpoint_nothing_is_deleted() {
    let (client, location) = (client().await, location("none"));
    append(&client, &location, 0..6).await;
    // One part of two. Its writer was stopped before the second.
    put(&client, &location, "_delta_log/00000000000000000003.checkpoint.0000000001.0000000002.parquet", "x")
        .await;
    let before = keys(&client, &location).await;
    let cleaned = keeper(&client, &location).clean_log(Duration::ZERO, false, later(), soon()).await.unwrap();
    assert_eq!((cleaned.files, cleaned.oldest, cleaned.complete), (0, None, true));
    assert_eq!(keys(&client, &location).await, before);
}

/// Issues 606 and 6718 of delta-io/delta: the checkpoint that versions within the retention need was deleted.
#[tokio::test]
async fn the_checkpoint_that_versions_within_the_retention_need_stays() {
    let (client, location) = (client().await, location("within"));
    let keeper = keeper(&client, &location);
    append(&client, &location, 0..3).await;
    keeper.checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 3..5).await;
    let old = wait_for_clock(&client, &location).await;
    append(&client, &location, 5..7).await;
    keeper.checkpoint(1, soon()).await.unwrap();
    // Commits 0 to 4 are older than the retention, 5 and 6 are not. Version 5 is read from the checkpoint of version 2.
    let now = old + chrono::Duration::hours(1) + chrono::Duration::seconds(1);
    let dry = keeper.clean_log(HOUR, true, now, soon()).await.unwrap();
    assert_eq!((dry.oldest, dry.files), (Some(2), 2));
    assert_eq!(log_names(&client, &location).await.len(), 12);
    assert_eq!(keeper.clean_log(HOUR, false, now, soon()).await.unwrap(), dry);
    let left = log_names(&client, &location).await;
    assert_eq!(left.first().unwrap(), "00000000000000000002.checkpoint.parquet");
    assert_eq!(left.len(), 10, "{left:?}");
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..70));
}

/// Without the checkpoint, the deleted commits would be the only copy of the table's state.
#[tokio::test]
async fn a_damaged_checkpoint_stops_the_cleanup() {
    let (client, location) = (client().await, location("damaged"));
    append(&client, &location, 0..4).await;
    put(&client, &location, "_delta_log/00000000000000000003.checkpoint.parquet", "PAR1 no PAR1").await;
    let before = keys(&client, &location).await;
    let fault = keeper(&client, &location).clean_log(HOUR, false, later(), soon()).await.unwrap_err();
    assert!(matches!(fault, LakeError::Log { .. }), "{fault}");
    assert_eq!(keys(&client, &location).await, before);
}

/// If a bucket is copied, old commits get new timestamps. A timestamp that goes back must not make a later commit
/// older.
#[tokio::test]
async fn a_commit_counts_as_at_least_as_young_as_the_one_before_it() {
    let (client, location) = (client().await, location("copied"));
    let keeper = keeper(&client, &location);
    append(&client, &location, 0..6).await;
    keeper.checkpoint(1, soon()).await.unwrap();
    let old = wait_for_clock(&client, &location).await;
    // Version 1 was restored, so it is the youngest object now.
    let key = location.key("_delta_log/00000000000000000001.json");
    let body = client.get_object().bucket(location.bucket()).key(&key).send().await.unwrap();
    let body = body.body.collect().await.unwrap().to_vec();
    put(&client, &location, "_delta_log/00000000000000000001.json", body).await;
    let now = old + chrono::Duration::hours(1) + chrono::Duration::seconds(1);
    let cleaned = keeper.clean_log(HOUR, false, now, soon()).await.unwrap();
    assert_eq!((cleaned.files, cleaned.oldest), (0, None));
}

/// Delta 7205: checksum files were not deleted. Unknown files belong to other tools and must stay.
#[tokio::test]
async fn checksums_are_deleted_with_their_commits_and_unknown_files_stay() {
    let (client, location) = (client().await, location("litter"));
    append(&client, &location, 0..4).await;
    for name in ["00000000000000000001.crc", "00000000000000000001.json.tmp", ".hidden", "notes.txt"] {
        put(&client, &location, &format!("_delta_log/{name}"), "{}").await;
    }
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    assert_eq!(keeper.clean_log(HOUR, false, later(), soon()).await.unwrap().files, 4);
    let mut left = log_names(&client, &location).await;
    left.retain(|name| !name.starts_with("00000000000000000003.") && name != "_last_checkpoint");
    assert_eq!(left, [".hidden", "00000000000000000001.json.tmp", "notes.txt"]);
}
