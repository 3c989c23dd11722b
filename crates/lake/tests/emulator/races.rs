//! Several writers of one table.

use lake::{LakeError, Table};
use tokio::task::JoinSet;

use crate::support::{Offsets, app_id, client, each_once, location, snapshot, soon, stored, table};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_of_fifty_commits_each_lose_none() {
    let (client, location) = (client().await, location("sixteen"));
    let mut writers = JoinSet::new();
    for partition in 0..16 {
        let mut table = table(&client, &location);
        writers.spawn(async move {
            let mut lost = 0;
            for commit in 0..50 {
                let mut rows = Offsets::new(partition, commit * 10..commit * 10 + 10);
                let deadline = soon() + std::time::Duration::from_mins(2);
                let done = table.append(&mut rows, deadline).await?;
                assert_eq!((done.files, done.rows), (1, 10));
                lost += done.lost;
            }
            Ok::<_, LakeError>(lost)
        });
    }
    let lost: u32 = writers.join_all().await.into_iter().map(Result::unwrap).sum();
    let snapshot = snapshot(&client, &location).await;
    println!("800 commits, {lost} lost races");
    assert_eq!(snapshot.version(), 799);
    assert_eq!(snapshot.rows(), Some(8000));
    assert_eq!(stored(&snapshot).await, each_once(0..16, 0..500));
    assert!((0..16).all(|partition| snapshot.app_versions().get(&app_id(partition)) == Some(500)));
}

#[tokio::test]
async fn the_same_records_at_two_writers_at_once_are_stored_once() {
    let (client, location) = (client().await, location("twice"));
    let mut writers = JoinSet::new();
    for _ in 0..2 {
        let mut table = table(&client, &location);
        writers.spawn(async move {
            for from in 0..10 {
                // The batches overlap, so each record is in several of them.
                table.append(&mut Offsets::new(0, from * 7..from * 7 + 20), soon()).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..83));
}

#[tokio::test]
async fn writers_that_create_a_table_at_once_agree_on_one() {
    let (client, location) = (client().await, location("created"));
    let mut writers = JoinSet::new();
    for partition in 0..8 {
        let mut table = table(&client, &location);
        writers.spawn(async move { table.append(&mut Offsets::new(partition, 0..5), soon()).await.unwrap() });
    }
    let versions = writers.join_all().await.into_iter().map(|done| done.version.unwrap());
    let mut versions: Vec<i64> = versions.collect();
    versions.sort_unstable();
    assert_eq!(versions, (0..8).collect::<Vec<_>>());
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..8, 0..5));
}

/// A writer whose known version is no longer the newest.
async fn overtaken(test: &str, by: i32) -> (Table, aws_sdk_s3::Client, s3::S3Location) {
    let (client, location) = (client().await, location(test));
    let mut slow = table(&client, &location);
    slow.append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    let mut quick = table(&client, &location);
    quick.append(&mut Offsets::new(by, 0..15), soon()).await.unwrap();
    (slow, client, location)
}

#[tokio::test]
async fn after_a_lost_race_unchanged_files_are_used_again() {
    let (mut slow, client, location) = overtaken("reused", 1).await;
    let mut rows = Offsets::new(0, 0..20);
    let done = slow.append(&mut rows, soon()).await.unwrap();
    assert_eq!((done.version, done.lost, rows.planned, rows.encoded), (Some(2), 1, 2, 1));
    let mut expected = each_once(0..1, 0..20);
    expected.extend(each_once(1..2, 0..15));
    assert_eq!(stored(&snapshot(&client, &location).await).await, expected);
}

#[tokio::test]
async fn after_a_lost_race_the_records_of_the_winner_are_left_out() {
    let (mut slow, client, location) = overtaken("replanned", 0).await;
    let mut rows = Offsets::new(0, 0..20);
    let done = slow.append(&mut rows, soon()).await.unwrap();
    assert_eq!((done.rows, done.lost, rows.encoded), (5, 1, 2));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..20));
}

#[tokio::test]
async fn a_race_lost_to_the_same_records_commits_nothing_more() {
    let (mut slow, client, location) = overtaken("nothing", 0).await;
    let done = slow.append(&mut Offsets::new(0, 0..15), soon()).await.unwrap();
    assert_eq!((done.version, done.lost), (None, 1));
    assert_eq!(snapshot(&client, &location).await.version(), 1);
}

#[tokio::test]
async fn a_reset_reaches_a_writer_that_believes_to_have_stored_everything() {
    let (client, location) = (client().await, location("reset"));
    let mut warm = table(&client, &location);
    warm.append(&mut Offsets::new(0, 0..100), soon()).await.unwrap();
    let reset = table(&client, &location).set_app_versions(vec![(app_id(0), 0)], soon()).await.unwrap();
    assert_eq!((reset.version, reset.files), (Some(1), 0));
    let done = warm.append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    assert_eq!(done.rows, 10);
}

#[tokio::test]
async fn a_writer_far_behind_catches_up() {
    let (client, location) = (client().await, location("behind"));
    let mut slow = table(&client, &location);
    slow.append(&mut Offsets::new(0, 0..1), soon()).await.unwrap();
    let mut quick = table(&client, &location);
    for offset in 0..40 {
        quick.append(&mut Offsets::new(1, offset..offset + 1), soon()).await.unwrap();
    }
    let done = slow.append(&mut Offsets::new(0, 0..2), soon()).await.unwrap();
    assert_eq!((done.version, done.lost), (Some(41), 1));
}
