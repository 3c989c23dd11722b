//! Compaction keeps the same rows in fewer files, also while other things happen to the table.

use std::time::Duration;

use aws_sdk_s3::Client;
use lake::{Compacted, Compaction, Snapshot};
use s3::S3Location;
use tokio::task::JoinSet;

use crate::{
    proxy::{Handling, Proxy},
    support::{Offsets, app_id, client, client_of, each_once, location, snapshot, soon, stored, table},
};

pub(crate) fn compaction() -> Compaction {
    Compaction { target_bytes: 64 << 20, min_files: 2, event_time: None, deadline: soon() }
}

/// A table of `files` files with ten rows each.
pub(crate) async fn small_files(client: &Client, location: &S3Location, files: i64) {
    let mut table = table(client, location);
    for file in 0..files {
        table.append(&mut Offsets::new(0, file * 10..file * 10 + 10), soon()).await.unwrap();
    }
}

pub(crate) async fn compact(snapshot: &Snapshot) -> Compacted {
    let done = compaction().run(snapshot).await.unwrap();
    assert!(done.fault.is_none(), "{done:?}");
    done
}

#[tokio::test]
async fn many_files_become_one_with_the_same_rows_and_positions() {
    let (client, location) = (client().await, location("compacted"));
    small_files(&client, &location, 20).await;
    let before = snapshot(&client, &location).await;
    let done = compact(&before).await;
    assert_eq!((done.versions, done.files_removed, done.files_added), (vec![20], 20, 1));
    let after = snapshot(&client, &location).await;
    assert_eq!((after.files().len(), after.rows()), (1, Some(200)));
    assert_eq!(stored(&after).await, each_once(0..1, 0..200));
    assert_eq!(after.app_versions(), before.app_versions());
    // Readers of the version before still find its files.
    assert_eq!(stored(&before).await, each_once(0..1, 0..200));
}

/// delta-rs 2576 and 2591, Trino 18647: compaction rewrote its own results again and again, without gain.
#[tokio::test]
async fn a_second_run_does_nothing_with_any_target() {
    let client = client().await;
    for target_bytes in [1_000, 3_000, 10_000, 1 << 20] {
        let location = location("settled");
        small_files(&client, &location, 30).await;
        let compaction = Compaction { target_bytes, ..compaction() };
        compaction.run(&snapshot(&client, &location).await).await.unwrap();
        let found = snapshot(&client, &location).await;
        assert!(compaction.plan(&found).is_empty(), "{target_bytes}");
        let again = compaction.run(&found).await.unwrap();
        assert!(again.versions.is_empty() && again.fault.is_none(), "{again:?}");
        assert_eq!(stored(&found).await, each_once(0..1, 0..300), "{target_bytes}");
    }
}

#[tokio::test]
async fn a_cold_writer_finds_the_state_in_the_commit_of_a_compaction() {
    let (client, location) = (client().await, location("cold-after"));
    let many = (1000..1100).map(|p| (app_id(p), i64::from(p))).collect();
    table(&client, &location).set_app_versions(many, soon()).await.unwrap();
    small_files(&client, &location, 20).await;
    compact(&snapshot(&client, &location).await).await;
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let mut cold = table(&client_of(&proxy.endpoint).await, &location);
    let done = cold.append(&mut Offsets::new(0, 0..210), soon()).await.unwrap();
    assert_eq!(done.rows, 10);
    // Requests: _last_checkpoint, LIST, the compaction's commit, the commit with the columns; then the file and the
    // commit.
    assert_eq!(proxy.seen().len(), 6, "{:?}", proxy.seen());
}

#[tokio::test]
async fn a_partition_with_too_few_small_files_is_left_alone() {
    let (client, location) = (client().await, location("few"));
    small_files(&client, &location, 4).await;
    let found = snapshot(&client, &location).await;
    assert!(Compaction { min_files: 5, ..compaction() }.plan(&found).is_empty());
    assert_eq!(Compaction { min_files: 4, ..compaction() }.plan(&found).len(), 1);
}

#[tokio::test]
async fn no_group_is_begun_past_the_deadline() {
    let (client, location) = (client().await, location("late"));
    small_files(&client, &location, 30).await;
    let found = snapshot(&client, &location).await;
    let all = Compaction { target_bytes: 3_000, ..compaction() };
    let groups = all.plan(&found).len();
    let soon = tokio::time::Instant::now() + Duration::from_millis(50);
    let late = Compaction { deadline: soon, ..all };
    while tokio::time::Instant::now() < soon {
        tokio::task::yield_now().await;
    }
    match late.run(&found).await {
        Ok(done) => assert_eq!((done.left, done.versions.len()), (groups, 0)),
        // The check of the table before the first group came too late already.
        Err(fault) => assert!(fault.to_string().contains("_delta_log"), "{fault}"),
    }
    assert_eq!(snapshot(&client, &location).await.version(), 29);
}

/// delta 228 and 326, delta-rs 2700: compaction aborted appends, or appends aborted compaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_writers_beside_compactions_lose_nothing_and_are_never_aborted() {
    const COMMITS: i64 = 100;
    let (client, location) = (client().await, location("beside"));
    table(&client, &location).append(&mut Offsets::new(0, 0..1), soon()).await.unwrap();
    let mut writers = JoinSet::new();
    for partition in 0..4 {
        let mut table = table(&client, &location);
        writers.spawn(async move {
            for commit in 0..COMMITS {
                let mut rows = Offsets::new(partition, commit * 10..commit * 10 + 10);
                table.append(&mut rows, soon()).await.expect("an append is never aborted");
            }
        });
    }
    let (mut runs, mut lost) = (0, 0);
    let mut most = 0;
    let compacting = async {
        loop {
            let found = snapshot(&client, &location).await;
            most = most.max(found.files().len());
            let done = compact(&found).await;
            assert!(done.given_up.is_empty() && done.unfit.is_empty(), "{done:?}");
            runs += done.versions.len();
            lost += done.lost;
        }
    };
    tokio::select! {
        () = compacting => {}
        _ = writers.join_all() => {}
    }
    compact(&snapshot(&client, &location).await).await;
    let found = snapshot(&client, &location).await;
    println!(
        "{location}: {runs} compactions lost {lost} races; at most {most} files, {} left",
        found.files().len()
    );
    assert!(runs >= 2, "compaction must run several times");
    assert!(found.files().len() <= 12 && most < 200, "{most}");
    assert_eq!(stored(&found).await, each_once(0..4, 0..COMMITS * 10));
    assert!((0..4).all(|partition| found.app_versions().get(&app_id(partition)) == Some(COMMITS * 10)));
}

#[tokio::test]
async fn two_compactions_at_once_have_one_result() {
    let (client, location) = (client().await, location("both"));
    small_files(&client, &location, 20).await;
    let found = snapshot(&client, &location).await;
    let (one, other) = tokio::join!(compact(&found), compact(&found));
    let results = [&one, &other].map(|done| (done.versions.len(), done.given_up.len()));
    assert!(results == [(1, 0), (0, 1)] || results == [(0, 1), (1, 0)], "{one:?} {other:?}");
    let after = snapshot(&client, &location).await;
    assert_eq!((after.version(), after.files().len()), (20, 1));
    assert_eq!(stored(&after).await, each_once(0..1, 0..200));
}

#[tokio::test]
async fn a_compaction_killed_at_any_request_leaves_a_table_that_the_next_one_finishes() {
    let (client, location) = (client().await, location("killed-compaction"));
    small_files(&client, &location, 6).await;
    let compaction = Compaction { target_bytes: 1_800, ..compaction() };
    let mut finished = false;
    for request in 1.. {
        if finished {
            println!("killed at each of {} requests", request - 2);
            break;
        }
        let mut left = request;
        let mut proxy = Proxy::start(move |_| {
            left -= 1;
            if left == 0 { Handling::Hangs } else { Handling::Passes }
        })
        .await;
        let through = client_of(&proxy.endpoint).await;
        let doomed = async { compaction.run(&snapshot(&through, &location).await).await.unwrap() };
        tokio::select! {
            done = doomed => {
                assert!(done.fault.is_none(), "{done:?}");
                finished = true;
            }
            () = proxy.has_met(Handling::Hangs) => {}
        }
        assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60), "{request}");
    }
    let found = snapshot(&client, &location).await;
    assert!(compaction.plan(&found).is_empty() && found.files().len() < 6, "{:?}", found.files());
}

#[tokio::test]
async fn a_compaction_whose_answers_are_lost_happens_once() {
    let (client, location) = (client().await, location("unheard-compaction"));
    small_files(&client, &location, 10).await;
    let mut lost = 2;
    let proxy = Proxy::start(move |request| {
        if request.is_commit() && lost > 0 {
            lost -= 1;
            return Handling::AnswerLost;
        }
        Handling::Passes
    })
    .await;
    let found = snapshot(&client_of(&proxy.endpoint).await, &location).await;
    let done = compact(&found).await;
    assert_eq!((done.versions, done.lost), (vec![10], 0));
    let after = snapshot(&client, &location).await;
    assert_eq!((after.version(), after.files().len()), (10, 1));
    assert_eq!(stored(&after).await, each_once(0..1, 0..100));
}
