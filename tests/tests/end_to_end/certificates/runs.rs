//! Runs of reconciler that overlap, are killed, time out, or find too many records for one window.

use std::time::Duration;

use serde_json::json;

use super::{LANES, Proof, reconciler};

/// Three runs of reconciler start at once. One of them gets the lock; the others answer `busy` or run after it.
#[tokio::test]
async fn runs_at_the_same_time_make_each_certificate_once() {
    let mut proof = Proof::start().await;
    proof.transfer(0..30).await;
    proof.deliver().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(reconciler(&proof.parts, &proof.pipeline, &proof.topic.servers, &[]).await);
    }
    let runs = others.iter_mut().map(|other| other.invoke(br#"{"grace_minutes":0}"#));
    let answers = futures::future::join_all(runs).await;
    let answers: Vec<_> = answers.into_iter().map(end_to_end::Invoked::answer).collect();
    assert!(answers.iter().any(|answer| answer["busy"] == json!(false)), "{answers:?}");
    proof.certify().await.all_hold();
    // Rows that violate this: windows are numbered without a gap, each starts where the previous one ends, all hold.
    let wrong = "SELECT function || ' ' || number FROM (SELECT *, lag(ends) OVER lane AS before, \
                 row_number() OVER lane AS place FROM certificates WINDOW lane AS \
                 (PARTITION BY topic, consumer_group ORDER BY number)) c \
                 WHERE number <> place OR (before IS NOT NULL AND before <> starts) OR state <> 'holds'";
    assert_eq!(proof.sinks.query_text(wrong).await, Vec::<String>::new());
    let counted = "SELECT DISTINCT sum(produced)::text FROM certificates GROUP BY consumer_group";
    assert_eq!(proof.sinks.query_text(counted).await, ["30"]);
}

/// A lock on `certified_amounts` stops the run at the point where it is killed.
#[tokio::test]
async fn a_run_that_is_killed_after_it_closed_its_windows_leaves_them_to_the_next_one() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    let mut killed = reconciler(&proof.parts, &proof.pipeline, &proof.topic.servers, &[]).await;
    let kill = killed.killer();
    // The run waits for this lock after it has closed its windows, when it compares amounts.
    let database = proof.sinks.database();
    database.batch_execute("BEGIN; LOCK TABLE certified_amounts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = async {
        end_to_end::until("the windows are closed", async || {
            let open = "SELECT count(*)::text FROM certificates WHERE state = 'open'";
            proof.sinks.query_text(open).await == [LANES.len().to_string()]
        })
        .await;
        kill();
    };
    let (died, ()) = tokio::join!(killed.invoke(br#"{"grace_minutes":0}"#), waits);
    assert_eq!(died, end_to_end::Invoked::Died);
    proof.sinks.database().batch_execute("ROLLBACK").await.unwrap();
    // The dead run's connection held the advisory lock. Postgres releases the lock when it notices the closed
    // connection.
    end_to_end::until("the advisory lock is released", async || {
        let free = "SELECT (count(*) = 0)::text FROM pg_locks WHERE locktype = 'advisory' AND database = \
                    (SELECT oid FROM pg_database WHERE datname = current_database())";
        proof.sinks.query_text(free).await == ["true"]
    })
    .await;
    let certified = proof.certify().await;
    certified.all_hold();
    for lane in LANES {
        let judged: Vec<_> = certified.of(lane).iter().map(|one| one["produced"].as_i64().unwrap()).collect();
        assert_eq!(judged, [10, 0], "{lane}: the window of the dead run, and the one of this run");
    }
}

/// The topic has more records than `LARGEST_WINDOW` before the first run, so the first window starts at the end of the
/// topic. Later windows are split.
#[tokio::test]
async fn the_first_window_of_a_large_topic_starts_at_its_end_and_later_large_windows_are_split() {
    let mut proof = Proof::start_with(&[("LARGEST_WINDOW", "1000")]).await;
    proof.transfer(0..1_500).await;
    proof.deliver().await;
    let first = proof.certify().await;
    for lane in LANES {
        let states = proof.states().await;
        assert!(states.contains(&format!("{lane} 1 holds")), "{states:?}: {first:?}");
    }
    let notes = proof.sinks.query_text("SELECT DISTINCT notes[1] FROM certificates").await;
    assert!(notes.len() == 1 && notes[0].contains("1500 offsets before it"), "{notes:?}");
    proof.transfer(0..2_500).await;
    proof.deliver().await;
    let certified = proof.certify().await;
    certified.all_hold();
    for lane in LANES {
        let produced: Vec<_> =
            certified.of(lane).iter().map(|one| one["produced"].as_i64().unwrap()).collect();
        assert!(produced.len() == 3 && produced.iter().sum::<i64>() == 2_500, "{lane}: {produced:?}");
    }
}

/// A lock on `certified_amounts` blocks the run until its deadline.
#[tokio::test]
async fn a_run_that_reaches_its_deadline_leaves_its_windows_to_the_next_one() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    let mut short = reconciler(&proof.parts, &proof.pipeline, &proof.topic.servers, &[]).await;
    short.limit(Duration::from_secs(9));
    let database = proof.sinks.database();
    database.batch_execute("BEGIN; LOCK TABLE certified_amounts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let _ended = short.invoke(br#"{"grace_minutes":0}"#).await;
    database.batch_execute("ROLLBACK").await.unwrap();
    drop(short);
    end_to_end::until("the advisory lock is released", async || {
        let free = "SELECT (count(*) = 0)::text FROM pg_locks WHERE locktype = 'advisory' AND database = \
                    (SELECT oid FROM pg_database WHERE datname = current_database())";
        proof.sinks.query_text(free).await == ["true"]
    })
    .await;
    proof.certify().await.all_hold();
}
