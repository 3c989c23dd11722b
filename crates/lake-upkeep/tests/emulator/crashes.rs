//! A keeper that is killed at each of its requests.

use s3::S3Location;

use crate::proxy::{Handling, Proxy};
use crate::support::{client, client_of, each_once, location, snapshot, soon, stored};
use crate::tables::{HOUR, append, keeper, keys, later, log_names, position, put};

/// A table with a checkpoint, an old checkpoint to delete, and a file that nothing names.
async fn prepared(client: &s3::Client) -> S3Location {
    let location = location("killed");
    append(client, &location, 0..2).await;
    keeper(client, &location).checkpoint(1, soon()).await.unwrap();
    append(client, &location, 2..5).await;
    put(client, &location, "kind=raw/lost.parquet", "x").await;
    location
}

/// One run of all three operations.
async fn keep(client: s3::Client, location: S3Location) {
    let keeper = keeper(&client, &location);
    keeper.checkpoint(2, soon()).await.unwrap();
    keeper.clean_log(HOUR, false, later(), soon()).await.unwrap();
    keeper.vacuum(HOUR, HOUR, false, later(), soon()).await.unwrap();
}

#[tokio::test]
async fn a_keeper_killed_at_any_request_leaves_a_readable_table_and_the_next_run_continues() {
    let client = client().await;
    let mut nth = 0;
    loop {
        let location = prepared(&client).await;
        let mut seen = 0;
        // Requests run in parallel, so "the n-th" is one of those in flight.
        let mut proxy = Proxy::start(move |_| {
            seen += 1;
            if seen > nth { Handling::Hangs } else { Handling::Passes }
        })
        .await;
        let mut doomed = tokio::spawn(keep(client_of(&proxy.endpoint).await, location.clone()));
        let finished = tokio::select! {
            done = &mut doomed => { done.unwrap(); true }
            () = proxy.has_met(Handling::Hangs) => { doomed.abort(); false }
        };
        assert_eq!(
            stored(&snapshot(&client, &location).await).await,
            each_once(0..1, 0..50),
            "request {nth}"
        );
        assert_eq!(position(&client, &location).await, Some(50), "request {nth}");
        keep(client.clone(), location.clone()).await;
        let mut names = log_names(&client, &location).await;
        // A missing checksum file is not written later, because a version does not need one.
        names.retain(|name| name != "00000000000000000004.crc");
        assert_eq!(
            names,
            ["00000000000000000004.checkpoint.parquet", "00000000000000000004.json", "_last_checkpoint"],
            "request {nth}"
        );
        assert!(!keys(&client, &location).await.iter().any(|key| key.contains("lost")), "request {nth}");
        assert_eq!(
            stored(&snapshot(&client, &location).await).await,
            each_once(0..1, 0..50),
            "request {nth}"
        );
        if finished {
            break;
        }
        nth += 1;
    }
    assert!(nth > 15, "{nth}");
    println!("killed at each of {nth} requests");
}
