//! Writers that stop, or lose a response, around the commit.

use faults::{Classified, FaultClass};
use std::time::Duration;
use tokio::time::Instant;

use crate::{
    proxy::{Handling, Proxy},
    support::{Offsets, client, client_of, each_once, location, snapshot, soon, stored, table},
};

#[tokio::test]
async fn a_writer_killed_between_data_and_commit_leaves_the_table_as_it_was() {
    let (client, location) = (client().await, location("killed"));
    table(&client, &location).append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    let mut proxy =
        Proxy::start(|request| if request.is_commit() { Handling::Hangs } else { Handling::Passes }).await;
    let mut doomed = table(&client_of(&proxy.endpoint).await, &location);
    let writer = tokio::spawn(async move { doomed.append(&mut Offsets::new(0, 10..30), soon()).await });
    proxy.has_met(Handling::Hangs).await;
    writer.abort();
    assert!(
        proxy.seen().iter().any(|(request, handling)| request.is_data() && *handling == Handling::Passes)
    );
    let found = snapshot(&client, &location).await;
    assert_eq!((found.version(), found.rows()), (0, Some(10)));

    // The records are delivered again in other batches.
    let mut next = table(&client, &location);
    next.append(&mut Offsets::new(0, 5..17), soon()).await.unwrap();
    next.append(&mut Offsets::new(0, 12..30), soon()).await.unwrap();
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..30));
}

/// Drops the responses to the first `count` commits.
fn losing(mut count: u32) -> impl FnMut(&crate::proxy::Request) -> Handling + Send + 'static {
    move |request| {
        if request.is_commit() && count > 0 {
            count -= 1;
            Handling::AnswerLost
        } else {
            Handling::Passes
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_recognised_as_ours() {
    let (client, location) = (client().await, location("answer"));
    table(&client, &location).append(&mut Offsets::new(1, 0..1), soon()).await.unwrap();
    for (round, lost) in [(0, 1), (1, 3)] {
        let proxy = Proxy::start(losing(lost)).await;
        let mut writer = table(&client_of(&proxy.endpoint).await, &location);
        let mut rows = Offsets::new(0, round * 10..round * 10 + 10);
        let done = writer.append(&mut rows, soon()).await.unwrap();
        assert_eq!((done.version, done.rows, rows.encoded), (Some(round + 1), 10, 1));
    }
    let found = snapshot(&client, &location).await;
    assert_eq!(found.version(), 2);
    let mut expected = each_once(0..1, 0..20);
    expected.push((1, 0));
    assert_eq!(stored(&found).await, expected);
}

#[tokio::test]
async fn the_creation_whose_answer_was_lost_is_recognised_as_ours() {
    let (client, location) = (client().await, location("created-unheard"));
    let proxy = Proxy::start(losing(1)).await;
    let done =
        table(&client_of(&proxy.endpoint).await, &location).append(&mut Offsets::new(0, 0..10), soon()).await;
    assert_eq!(done.unwrap().version, Some(0));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..10));
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_a_retryable_fault_and_not_doubled_by_the_retry() {
    let (client, location) = (client().await, location("unknown"));
    let mut warm = table(&client, &location);
    warm.append(&mut Offsets::new(0, 0..1), soon()).await.unwrap();
    let proxy = Proxy::start(losing(u32::MAX)).await;
    let mut unheard = table(&client_of(&proxy.endpoint).await, &location);
    // Long enough to reach the commit, also on a busy machine.
    let deadline = Instant::now() + Duration::from_secs(5);
    let fault = unheard.append(&mut Offsets::new(0, 0..10), deadline).await.unwrap_err();
    assert_eq!(fault.class(), FaultClass::Retryable, "{fault}");
    let again = warm.append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    assert_eq!(again.version, None);
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..10));
}
