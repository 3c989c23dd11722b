//! The figures and the history of tables that various tools wrote.

use serde_json::json;

use crate::support::{Offsets, client, location, soon, table};
use crate::tables::{HOUR, append, commit, keeper, later, put, uploaded};

#[tokio::test]
async fn statistics_and_history_match_the_table() {
    let (client, location) = (client().await, location("figures"));
    append(&client, &location, 0..6).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 6..8).await;
    put(&client, &location, "kind=raw/lost.parquet", "four").await;
    let stats = keeper.stats(1 << 20, soon()).await.unwrap();
    assert_eq!((stats.version, stats.checkpoint, stats.commits_since), (7, Some(5), 2));
    assert_eq!((stats.files, stats.small_files, stats.log_files), (8, 8, 11));
    assert_eq!((stats.unneeded_files, stats.unneeded_bytes), (1, 4));
    assert_eq!((stats.rows, stats.partitions, stats.app_transactions), (Some(80), 1, 1));
    assert_eq!((stats.log_from, stats.committed.is_some()), (Some(0), true));
    assert!(stats.median_bytes > 0 && stats.median_bytes <= stats.bytes / 2, "{stats:?}");
    assert_eq!(keeper.size(soon()).await.unwrap(), (8, stats.bytes));
    // Issue 520 of delta-rs: the history went back only to the checkpoint.
    assert_eq!(keeper.history(100, soon()).await.unwrap().len(), 8);
    let history = keeper.history(3, soon()).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.version).collect::<Vec<_>>(), [7, 6, 5]);
    for entry in history {
        assert_eq!((entry.operation.as_deref(), entry.mode.as_deref()), (Some("WRITE"), Some("Append")));
        assert_eq!((entry.added_files, entry.added_rows, entry.removed_files), (1, Some(10), 0));
        assert!(entry.engine.unwrap().starts_with("headwater/") && entry.timestamp.is_some());
    }
}

/// Issue 665 of delta-io/delta and 1013 of delta-rs: after a cleanup the history showed versions that could no longer
/// be read. Here the history starts at the checkpoint at which the log was cut.
#[tokio::test]
async fn the_history_ends_at_the_oldest_commit_of_a_cleaned_log() {
    let (client, location) = (client().await, location("cleaned"));
    append(&client, &location, 0..5).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 5..7).await;
    keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
    let versions = |limit| {
        let keeper = keeper.clone();
        async move {
            let history = keeper.history(limit, soon()).await.unwrap();
            history.into_iter().map(|entry| entry.version).collect::<Vec<_>>()
        }
    };
    assert_eq!(versions(100).await, [6, 5, 4]);
    assert_eq!(versions(2).await, [6, 5]);
    let stats = keeper.stats(1 << 20, soon()).await.unwrap();
    assert_eq!((stats.log_from, stats.rows), (Some(4), Some(70)));
}

/// Issue 1423 of delta-io/delta: the figures of a commit came from `operationMetrics`, which some operations leave out.
/// A commit may even have no `commitInfo`. Then the object store's timestamp is used.
#[tokio::test]
async fn a_commit_without_commit_info_has_a_time_and_counts() {
    let (client, location) = (client().await, location("bare"));
    append(&client, &location, 0..2).await;
    let path = crate::support::snapshot(&client, &location).await.files()[0].key.clone();
    // Pull request 651 of delta-rs: Delta 1.2.1 writes a field that the protocol does not have.
    let remove = json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true, "size": 7, "numRecords": null}});
    commit(&client, &location, 2, &[remove]).await;
    let history = keeper(&client, &location).history(1, soon()).await.unwrap();
    let entry = &history[0];
    assert!(entry.timestamp.unwrap() > chrono::Utc::now() - chrono::Duration::minutes(10), "{entry:?}");
    assert_eq!((entry.operation.as_deref(), entry.engine.as_deref()), (None, None));
    assert_eq!((entry.removed_files, entry.removed_bytes, entry.removed_rows), (1, Some(7), None));
}

/// Issue 120522 of `ClickHouse`: the statistics that it writes are nested one level too deep. Pull request 2841 of
/// delta-rs: files without statistics were left out.
#[tokio::test]
async fn a_file_without_statistics_makes_only_the_number_of_rows_unknown() {
    let client = client().await;
    for statistics in [json!(null), json!(r#"{"stats_json":"{\"numRecords\":10}"}"#), json!("not JSON")] {
        let location = location("unknown");
        append(&client, &location, 0..2).await;
        let add = json!({"add": {"path": "kind=x/a.parquet", "partitionValues": {"kind": "x"}, "size": 100,
            "modificationTime": 1, "dataChange": true, "stats": statistics}});
        commit(&client, &location, 2, &[add]).await;
        let keeper = keeper(&client, &location);
        let stats = keeper.stats(1 << 20, soon()).await.unwrap();
        assert_eq!((stats.rows, stats.files, stats.partitions), (None, 3, 2), "{statistics}");
        let newest = keeper.history(1, soon()).await.unwrap().remove(0);
        assert_eq!((newest.added_rows, newest.added_files), (None, 1), "{statistics}");
    }
}

/// Issue 4488 of delta-rs: commits that were made during the call shifted the versions of all entries.
#[tokio::test]
async fn concurrent_commits_do_not_shift_versions_in_the_history() {
    let (client, location) = (client().await, location("meanwhile"));
    let writer = tokio::spawn({
        let (client, location) = (client.clone(), location.clone());
        async move {
            let (mut writer, mut next) = (table(&client, &location), 0);
            // Version n has n + 1 rows.
            for rows in 1..40 {
                writer.append(&mut Offsets::new(0, next..next + rows), soon()).await.unwrap();
                next += rows;
            }
        }
    });
    let keeper = keeper(&client, &location);
    while !writer.is_finished() {
        let Ok(history) = keeper.history(8, soon()).await else { continue };
        for (place, entry) in history.iter().enumerate() {
            assert_eq!(entry.added_rows.map(u64::cast_signed), Some(entry.version + 1), "{entry:?}");
            assert_eq!(entry.version + i64::try_from(place).unwrap(), history[0].version);
        }
    }
    writer.await.unwrap();
    assert_eq!(keeper.history(1, soon()).await.unwrap()[0].version, 38);
}

/// The fixtures have all kinds of checkpoints: one file, several parts, and V2 with sidecars.
#[tokio::test]
async fn tables_with_checkpoints_of_other_tools_have_statistics_and_a_history() {
    let client = client().await;
    for fixture in ["v1", "parts", "v2-parquet", "v2-json"] {
        let location = uploaded(&client, fixture).await;
        append(&client, &location, 4..6).await;
        let keeper = keeper(&client, &location);
        let stats = keeper.stats(1 << 20, soon()).await.unwrap();
        assert_eq!((stats.version, stats.files, stats.rows), (5, 6, Some(60)), "{fixture}");
        let history = keeper.history(2, soon()).await.unwrap();
        assert_eq!(
            history.iter().map(|entry| entry.added_rows).collect::<Vec<_>>(),
            [Some(10); 2],
            "{fixture}"
        );
    }
}
