//! A function is killed, or its connection breaks, just before or just after the commit. When the records are delivered
//! again in other batches, every record counts once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use end_to_end::{Function, Invoked, Moment, Parts, Proxy, Record, Sinks, authority, event, room};

/// The action of a proxy. It is set after the function has started through the proxy, because it kills this function.
type Act = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

fn records() -> Vec<Record> {
    (0..40).map(|offset| room(0, offset, "A", 1)).collect()
}

/// Runs the function `name` behind a proxy that acts at a request with `patterns`. With `kill`, it kills the process;
/// otherwise it only closes the connection. Then delivers all records again in other batches, and checks that each
/// counts once.
async fn crash(name: &str, patterns: &[&'static str], moment: Moment, kill: bool) {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
    let _tables = migrator.invoke(b"{}").await.answer();
    let act: Act = Arc::default();
    let called = Arc::clone(&act);
    let strike = move || {
        if let Some(act) = called.lock().unwrap().as_ref() {
            act();
        }
    };
    let mut through = parts.clone();
    let is_writer = name == "parquet-writer";
    let server = authority(if is_writer { &parts.endpoint } else { &parts.database_url });
    let proxy = Proxy::start(&server, patterns, moment, strike).await;
    if is_writer {
        through.endpoint = format!("http://{}", proxy.address);
    } else {
        through.database_url = parts.database_url.replace(&server, &proxy.address);
    }
    let mut function = Function::start(name, &through, &pipelines).await;
    let records = records();
    function.invoke(&event(&parts.topic, &records[..10])).await.all_handled();
    if kill {
        *act.lock().unwrap() = Some(Box::new(function.killer()));
    }
    proxy.arm();
    let invoked = function.invoke(&event(&parts.topic, &records[10..30])).await;
    assert_eq!(proxy.struck(), 1, "the proxy never saw the request");
    if kill {
        assert_eq!(invoked, Invoked::Died);
        function = Function::start(name, &parts, &pipelines).await;
    } else {
        invoked.all_handled();
    }
    for cut in [10..25, 20..40, 0..40] {
        function.invoke(&event(&parts.topic, &records[cut])).await.all_handled();
    }
    let sinks = Sinks::open(&parts).await;
    if is_writer {
        assert_eq!(sinks.rows().await, records.iter().map(|r| (r.partition, r.offset)).collect::<Vec<_>>());
    } else {
        assert_eq!(sinks.totals().await["A"], 40);
    }
}

/// Matches the PUT of a Delta commit.
const LAKE_COMMIT: &[&str] = &["PUT ", "/_delta_log/"];
/// Matches `COMMIT` in Postgres's protocol.
const TOTALS_COMMIT: &[&str] = &["COMMIT\0"];

/// The data files of the first invocation stay in the bucket, but no commit refers to them.
#[tokio::test]
async fn the_writer_killed_between_its_data_and_its_commit_stores_once() {
    crash("parquet-writer", LAKE_COMMIT, Moment::Before, true).await;
}

/// Lambda delivers the batch again, because it got no answer. The positions in the log show that the records are
/// stored.
#[tokio::test]
async fn the_writer_killed_between_its_commit_and_its_answer_stores_once() {
    crash("parquet-writer", LAKE_COMMIT, Moment::After, true).await;
}

#[tokio::test]
async fn the_upserter_killed_before_its_commit_counts_once() {
    crash("totals-upserter", TOTALS_COMMIT, Moment::Before, true).await;
}

#[tokio::test]
async fn the_upserter_killed_between_its_commit_and_its_answer_counts_once() {
    crash("totals-upserter", TOTALS_COMMIT, Moment::After, true).await;
}

/// After a lost answer, the function must find out whether its commit succeeded before it tries again.
#[tokio::test]
async fn a_connection_that_breaks_around_the_commit_is_retried_within_the_invocation() {
    for moment in [Moment::Before, Moment::After] {
        crash("parquet-writer", LAKE_COMMIT, moment, false).await;
        crash("totals-upserter", TOTALS_COMMIT, moment, false).await;
    }
}

/// A retryable fault must be reported in time. If Lambda ends the function at its timeout, the reason is lost.
#[tokio::test]
async fn unreachable_parts_are_reported_as_retryable_before_the_timeout() {
    let mut parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    // No process listens on port 9.
    parts.database_url = "postgres://headwater@127.0.0.1:9/headwater".into();
    parts.endpoint = "http://127.0.0.1:9".into();
    for name in ["parquet-writer", "totals-upserter"] {
        let mut function = Function::start(name, &parts, &pipelines).await;
        function.limit(Duration::from_secs(10));
        let (class, message) = function.invoke(&event(&parts.topic, &records())).await.error();
        assert_eq!(class, "retryable", "{name}: {message}");
    }
}

/// The message must name every missing variable, so that an operator can add all of them at once.
#[tokio::test]
async fn a_function_without_its_settings_reports_all_that_are_missing_and_does_not_start() {
    for (name, variables) in [
        ("parquet-writer", &["HEADWATER_PIPELINES", "LAKE_ROOT", "PARKED_ROOT"][..]),
        ("totals-upserter", &["HEADWATER_PIPELINES", "DATABASE_URL", "PARKED_ROOT"]),
    ] {
        let path = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
        let output = std::process::Command::new(path).env_clear().output().unwrap();
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        for variable in variables {
            assert!(message.contains(variable), "{variable} in {message}");
        }
    }
}
