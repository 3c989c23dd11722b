//! lake-keeper is killed at different points, or two of them run at once, while parquet-writer appends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use end_to_end::{Function, Invoked, Moment, Parts, Proxy, Sinks, authority, event, room};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PATH: &str = "env=dv/source=rooms/subsrc=midgar";
/// Number of records per append.
const BATCH: i64 = 10;
/// The event that runs all steps now.
const FORCE: &[u8] = br#"{"force":true}"#;

/// The action of a proxy. It is set after the function has started through the proxy, because it kills this function.
type Act = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

/// A parquet-writer that appends one batch after the other in the background until it is stopped.
struct Appends {
    /// Number of batches that the writer has acknowledged.
    batches: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Appends {
    /// Starts the writer. Returns after four appends.
    async fn begin(parts: &Parts, pipelines: &[String]) -> Self {
        let mut writer = Function::start("parquet-writer", parts, pipelines).await;
        let (batches, stop) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let (topic, acknowledged, stopped) = (parts.topic.clone(), Arc::clone(&batches), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            // The rate of a busy mapping. It leaves CPU time for the keepers.
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            while !stopped.load(Ordering::SeqCst) {
                pace.tick().await;
                let first = acknowledged.load(Ordering::SeqCst) * BATCH;
                let records: Vec<_> = (first..first + BATCH).map(|n| room(0, n, "kitchen", 1)).collect();
                writer.invoke(&event(&topic, &records)).await.all_handled();
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        let appends = Self { batches, stop, task };
        appends.more(4).await;
        appends
    }

    /// Waits for `count` further appends. Panics after a minute, or if the writer has ended.
    async fn more(&self, count: i64) {
        let wanted = self.batches.load(Ordering::SeqCst) + count;
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.batches.load(Ordering::SeqCst) < wanted {
            assert!(Instant::now() < deadline && !self.task.is_finished(), "the writer does not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the writer. Returns how many records were delivered to it.
    async fn end(self) -> i64 {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        self.batches.load(Ordering::SeqCst) * BATCH
    }
}

/// Panics unless the table contains every acknowledged record once, and later ones without a gap. `after` describes the
/// moment in the message.
async fn holds(sinks: &Sinks, appends: &Appends, after: &str) {
    let acknowledged = appends.batches.load(Ordering::SeqCst) * BATCH;
    let rows = sinks.rows().await;
    let found = i64::try_from(rows.len()).unwrap();
    assert!(found >= acknowledged, "{after}: {found} rows of {acknowledged}");
    assert!(rows.into_iter().eq((0..found).map(|offset| (0, offset))), "{after}: rows lost or doubled");
}

/// The report about the table. Panics if the keeper reports an error.
fn report(invoked: Invoked) -> Value {
    let done = invoked.answer();
    let table = done["tables"][0].clone();
    assert_eq!(table["error"], Value::Null, "{done}");
    table
}

/// The event for the keeper, the patterns of the request at which it is killed, and the moments: before the request
/// reaches S3, or after S3 has carried it out.
type Point = (&'static [u8], &'static [&'static str], &'static [Moment]);

/// The requests at which the keeper is killed. They cover every kind of write in a run, and the listings before
/// deletions.
const POINTS: [Point; 7] = [
    (br#"{"force":true}"#, &["GET ", "list-type=2"], &[Moment::Before]),
    (br#"{"force":true}"#, &["PUT ", ".checkpoint.parquet"], &[Moment::Before, Moment::After]),
    (br#"{"force":true}"#, &["PUT ", "_last_checkpoint"], &[Moment::Before, Moment::After]),
    // Without a checkpoint: its content would match these patterns too, because it contains the names of data files.
    (br#"{"force":true,"steps":["compact"]}"#, &["PUT ", "/data-"], &[Moment::Before, Moment::After]),
    (br#"{"force":true,"steps":["compact"]}"#, &["PUT ", "OPTIMIZE"], &[Moment::Before, Moment::After]),
    (br#"{"steps":["clean_log"]}"#, &["GET ", "list-type=2"], &[Moment::After]),
    (br#"{"steps":["vacuum"]}"#, &["GET ", "list-type=2"], &[Moment::After]),
];

/// Starts a keeper behind a proxy, and kills it at this request.
async fn killed(parts: &Parts, pipelines: &[String], point: Point, moment: Moment) {
    let (request, patterns, _) = point;
    let act: Act = Arc::default();
    let called = Arc::clone(&act);
    let strike = move || {
        let act = called.lock().unwrap_or_else(PoisonError::into_inner).take();
        act.unwrap()();
    };
    let proxy = Proxy::start(&authority(&parts.endpoint), patterns, moment, strike).await;
    let through = Parts { endpoint: format!("http://{}", proxy.address), ..parts.clone() };
    let mut doomed = Function::start("lake-keeper", &through, pipelines).await;
    *act.lock().unwrap() = Some(Box::new(doomed.killer()));
    proxy.arm();
    assert_eq!(doomed.invoke(request).await, Invoked::Died, "{patterns:?} {moment:?}");
    assert_eq!(proxy.struck(), 1, "{patterns:?} {moment:?}");
}

#[tokio::test]
async fn a_keeper_killed_at_any_step_beside_appends_loses_nothing_and_the_next_run_succeeds() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = Sinks::open(&parts).await;
    let appends = Appends::begin(&parts, &pipelines).await;
    let mut next = Function::start("lake-keeper", &parts, &pipelines).await;
    for point in POINTS {
        for moment in point.2 {
            let place = format!("{moment:?} {:?}", point.1);
            killed(&parts, &pipelines, point, *moment).await;
            holds(&sinks, &appends, &format!("killed {place}")).await;
            appends.more(2).await;
            let table = report(next.invoke(FORCE).await);
            assert_eq!(table["checkpoint_made"], true, "{place}: {table}");
            assert!(table["files_joined"].as_i64().unwrap() >= 2, "{place}: {table}");
        }
    }
    holds(&sinks, &appends, "all of them").await;
    ends_small(&parts, &pipelines, &sinks, appends).await;
}

/// Finds points that the list in [`POINTS`] does not cover.
#[tokio::test]
async fn a_keeper_killed_at_random_moments_beside_appends_loses_nothing() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = Sinks::open(&parts).await;
    let appends = Appends::begin(&parts, &pipelines).await;
    let mut whole = Function::start("lake-keeper", &parts, &pipelines).await;
    let begun = Instant::now();
    report(whole.invoke(FORCE).await);
    let length = begun.elapsed();
    let mut killed = 0;
    for _ in 0..5 {
        let mut doomed = Function::start("lake-keeper", &parts, &pipelines).await;
        doomed.start_up().await;
        appends.more(3).await;
        let (kill, part) = (doomed.killer(), f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 256.0);
        let moment = length.mul_f64(part);
        let reaper = tokio::spawn(async move {
            tokio::time::sleep(moment).await;
            kill();
        });
        let invoked = doomed.invoke(FORCE).await;
        reaper.await.unwrap();
        killed += i32::from(invoked == Invoked::Died);
        holds(&sinks, &appends, &format!("killed {moment:?} after the beginning")).await;
    }
    // The moments are random parts of the duration of a whole run, so at least one kill must come before the end of its
    // run.
    assert!(killed > 0, "no run was killed within {length:?}");
    ends_small(&parts, &pipelines, &sinks, appends).await;
}

/// A manual run may overlap with a scheduled one.
#[tokio::test]
async fn two_keepers_at_once_beside_appends_have_one_result() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let sinks = Sinks::open(&parts).await;
    let appends = Appends::begin(&parts, &pipelines).await;
    let mut one = Function::start("lake-keeper", &parts, &pipelines).await;
    let mut other = Function::start("lake-keeper", &parts, &pipelines).await;
    for _ in 0..4 {
        appends.more(4).await;
        let (first, second) = tokio::join!(one.invoke(FORCE), other.invoke(FORCE));
        report(first);
        report(second);
        holds(&sinks, &appends, "two keepers").await;
    }
    let sent = appends.end().await;
    let before = sinks.snapshot(PATH).await.unwrap().files().len();
    // Without appends, the two keepers together must do the same work as a single one.
    let (first, second) = tokio::join!(one.invoke(FORCE), other.invoke(FORCE));
    let (first, second) = (report(first), report(second));
    let sum = |of: &str| first[of].as_u64().unwrap() + second[of].as_u64().unwrap();
    let after = sinks.snapshot(PATH).await.unwrap();
    assert_eq!(after.files().len(), 1, "{first} {second}");
    assert_eq!(usize::try_from(sum("files_joined")).unwrap(), before, "{first} {second}");
    assert_eq!((sum("files_written"), after.rows()), (1, Some(sent.unsigned_abs())), "{first} {second}");
    assert_eq!(first["checkpoint"], second["checkpoint"], "{first} {second}");
}

/// Stops the appends and runs a keeper, which must leave one file. A new writer must then find the positions: it stores
/// only the new half of an overlapping batch.
async fn ends_small(parts: &Parts, pipelines: &[String], sinks: &Sinks, appends: Appends) {
    let sent = appends.end().await;
    let mut keeper = Function::start("lake-keeper", parts, pipelines).await;
    report(keeper.invoke(FORCE).await);
    let after = sinks.snapshot(PATH).await.unwrap();
    assert_eq!((after.files().len(), after.rows()), (1, Some(sent.unsigned_abs())));
    let mut cold = Function::start("parquet-writer", parts, pipelines).await;
    let again: Vec<_> = (sent - BATCH..sent + BATCH).map(|n| room(0, n, "kitchen", 1)).collect();
    cold.invoke(&event(&parts.topic, &again)).await.all_handled();
    assert!(sinks.rows().await.into_iter().eq((0..sent + BATCH).map(|offset| (0, offset))));
}
