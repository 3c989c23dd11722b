//! Counts the keeper's requests at a proxy. A run reads each part of the log once.

use lake_upkeep::Keeper;
use s3::S3Location;

use crate::proxy::{Handling, Proxy};
use crate::support::{client, client_of, each_once, location, snapshot, soon, stored};
use crate::tables::{HOUR, append, keeper, later, log_names, put};

/// A keeper whose requests are counted.
async fn counted(location: &S3Location) -> (Keeper, Proxy) {
    let proxy = Proxy::start(|_| Handling::Passes).await;
    (keeper(&client_of(&proxy.endpoint).await, location), proxy)
}

/// The number of requests with this method whose target contains `part`.
fn count(proxy: &Proxy, method: &str, part: &str) -> usize {
    let wanted = |target: &str| target.contains(part);
    proxy.seen().iter().filter(|(request, _)| request.method == method && wanted(&request.target)).count()
}

/// lake-keeper runs every five minutes for each table, so a run without work must be cheap.
#[tokio::test]
async fn a_run_without_a_due_checkpoint_sends_two_requests() {
    let (client, location) = (client().await, location("idle"));
    append(&client, &location, 0..5).await;
    keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 5..7).await;
    let (keeper, proxy) = counted(&location).await;
    let done = keeper.checkpoint(10, soon()).await.unwrap();
    assert_eq!((done.made, done.version, done.commits_since), (false, Some(4), 2));
    assert_eq!(proxy.seen().len(), 2, "_last_checkpoint and a list: {:?}", proxy.seen());
}

#[tokio::test]
async fn log_cleanup_and_vacuum_of_one_reading_read_the_log_once() {
    let (client, location) = (client().await, location("once"));
    append(&client, &location, 0..3).await;
    keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 3..6).await;
    put(&client, &location, "kind=raw/lost.parquet", "x").await;
    let (keeper, proxy) = counted(&location).await;
    let reading = keeper.read(later(), soon()).await.unwrap();
    let cleaned = reading.clean_log(HOUR, false, soon()).await.unwrap();
    assert_eq!((cleaned.oldest, cleaned.files), (Some(2), 2));
    let vacuumed = reading.vacuum(HOUR, HOUR, false, soon()).await.unwrap();
    assert_eq!((vacuumed.files, vacuumed.complete), (1, true));
    assert_eq!(count(&proxy, "GET", "_last_checkpoint"), 1);
    for version in 3..6 {
        assert_eq!(count(&proxy, "GET", &format!("{version:020}.json")), 1, "{version}");
    }
    // Once for the reading, and once to prove that the log can be cut there.
    assert_eq!(count(&proxy, "GET", ".checkpoint.parquet"), 2);
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60));
}

/// A vacuum with an old reading must not delete files of later commits.
#[tokio::test]
async fn files_committed_after_the_reading_stay() {
    let (client, location) = (client().await, location("after"));
    append(&client, &location, 0..3).await;
    let keeper = keeper(&client, &location);
    let reading = keeper.read(chrono::Utc::now(), soon()).await.unwrap();
    append(&client, &location, 3..6).await;
    let done = reading.vacuum(HOUR, std::time::Duration::from_mins(15), false, soon()).await.unwrap();
    assert_eq!((done.files, done.young, done.complete), (0, 3, true));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60));
}

/// Another keeper writes a checkpoint between the reading and the cleanup. The reading does not know it, so the log is
/// not cut there.
#[tokio::test]
async fn the_log_is_not_cut_at_a_checkpoint_written_after_the_reading() {
    let (client, location) = (client().await, location("newer"));
    append(&client, &location, 0..3).await;
    let keeper = keeper(&client, &location);
    keeper.checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 3..6).await;
    let reading = keeper.read(later(), soon()).await.unwrap();
    keeper.checkpoint(1, soon()).await.unwrap();
    let cleaned = reading.clean_log(HOUR, false, soon()).await.unwrap();
    assert_eq!((cleaned.oldest, cleaned.files), (Some(2), 2));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60));
}

/// A dry run must change nothing. It must be safe on a table that another engine maintains.
#[tokio::test]
async fn a_dry_run_sends_only_reading_requests_even_without_a_last_checkpoint_file() {
    let (client, location) = (client().await, location("dry"));
    append(&client, &location, 0..5).await;
    keeper(&client, &location).checkpoint(1, soon()).await.unwrap();
    append(&client, &location, 5..7).await;
    put(&client, &location, "kind=raw/lost.parquet", "x").await;
    let hint = location.key("_delta_log/_last_checkpoint");
    client.delete_object().bucket(location.bucket()).key(&hint).send().await.unwrap();
    let before = log_names(&client, &location).await;
    let (keeper, proxy) = counted(&location).await;
    let found = keeper.newest_checkpoint(soon()).await.unwrap();
    assert_eq!((found.version, found.made, found.commits_since), (Some(4), false, 2));
    let reading = keeper.read(later(), soon()).await.unwrap();
    assert_eq!(reading.clean_log(HOUR, true, soon()).await.unwrap().files, 4);
    assert_eq!(reading.vacuum(HOUR, HOUR, true, soon()).await.unwrap().files, 1);
    keeper.stats(1 << 20, soon()).await.unwrap();
    keeper.history(10, soon()).await.unwrap();
    let methods: Vec<String> = proxy.seen().into_iter().map(|(request, _)| request.method).collect();
    assert!(methods.iter().all(|method| method == "GET" || method == "HEAD"), "{methods:?}");
    assert_eq!(log_names(&client, &location).await, before);
}
