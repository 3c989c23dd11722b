//! The number of requests that an append needs.

use crate::{
    proxy::{Handling, Proxy},
    support::{Offsets, app_id, client_of, each_once, location, snapshot, soon, stored, table},
};

#[tokio::test]
async fn a_warm_append_is_one_request_for_each_file_and_one_for_the_commit() {
    crate::support::client().await;
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let mut table = table(&client_of(&proxy.endpoint).await, &location("warm"));
    table.append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    let before = proxy.seen().len();
    table.append(&mut Offsets::new(0, 10..20), soon()).await.unwrap();
    assert_eq!(proxy.seen().len() - before, 2);
}

#[tokio::test]
async fn a_cold_append_to_a_long_log_reads_two_commits_of_it() {
    let (client, location) = (crate::support::client().await, location("cold"));
    let mut writer = table(&client, &location);
    for offset in 0..50 {
        writer.append(&mut Offsets::new(0, offset..offset + 1), soon()).await.unwrap();
    }
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let mut cold = table(&client_of(&proxy.endpoint).await, &location);
    cold.append(&mut Offsets::new(0, 0..60), soon()).await.unwrap();
    // Requests: _last_checkpoint, LIST, the newest commit, the commit with the columns; then the file and the commit.
    assert_eq!(proxy.seen().len(), 6, "{:?}", proxy.seen());
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60));
}

#[tokio::test]
async fn positions_too_many_for_every_commit_are_found_all_the_same() {
    let (client, location) = (crate::support::client().await, location("many"));
    let mut writer = table(&client, &location);
    let many = (1000..1200).map(|p| (app_id(p), i64::from(p))).collect();
    writer.set_app_versions(many, soon()).await.unwrap();
    for offset in 0..20 {
        writer.append(&mut Offsets::new(0, offset..offset + 1), soon()).await.unwrap();
        let mut cold = table(&client, &location);
        let apps = cold.app_versions(soon()).await.unwrap();
        assert_eq!(
            (apps.len(), apps.get(&app_id(0)), apps.get(&app_id(1199))),
            (201, Some(offset + 1), Some(1199))
        );
    }
}
