//! Failures around the database: a function that is frozen during a transaction, a failover, a rotated password, a
//! secret that cannot be read.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use end_to_end::{Freezer, Function, Invoked, Moment, OwnPostgres, Parts, Proxy, Record, Sinks, event, room};

fn records(offsets: std::ops::Range<i64>) -> Vec<Record> {
    offsets.map(|offset| room(0, offset, "A", 1)).collect()
}

/// Host and port of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1.split('/').next().unwrap();
    rest.rsplit('@').next().unwrap().to_owned()
}

/// Creates the tables of these pipelines.
async fn migrated(parts: &Parts, pipelines: &[String]) {
    let mut migrator = Function::start("schema-migrator", parts, pipelines).await;
    let _tables = migrator.invoke(b"{}").await.answer();
}

/// Freezes a totals-upserter when it sends a request with `patterns`, and delivers the same records to another one,
/// which must finish within `patience`. After the thaw, the frozen function must succeed or report a retryable error.
/// Every good record must count once.
async fn freeze(patterns: &[&'static str], through_s3: bool, batch: &[Record], patience: Duration) {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    migrated(&parts, &pipelines).await;
    let freezer: Arc<Mutex<Option<Freezer>>> = Arc::default();
    let at_request = Arc::clone(&freezer);
    let act = move || at_request.lock().unwrap().iter().for_each(|freezer| freezer.freeze());
    let server = authority(if through_s3 { &parts.endpoint } else { &parts.database_url });
    let proxy = Proxy::start(&server, patterns, Moment::Hold, act).await;
    let mut through = parts.clone();
    if through_s3 {
        through.endpoint = format!("http://{}", proxy.address);
    } else {
        through.database_url = parts.database_url.replace(&server, &proxy.address);
    }
    let mut frozen = Function::start("totals-upserter", &through, &pipelines).await;
    let mut other = Function::start("totals-upserter", &parts, &pipelines).await;
    // Opens the connections of both functions.
    frozen.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
    other.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
    *freezer.lock().unwrap() = Some(frozen.freezer());
    proxy.arm();
    let all = event(&parts.topic, batch);
    let (sent, thawed) = (all.clone(), frozen.freezer());
    let invocation = tokio::spawn(async move { (frozen.invoke(&sent).await, frozen) });
    proxy.has_struck().await;
    let begun = Instant::now();
    other.invoke(&all).await.all_handled();
    let waited = begun.elapsed();
    assert!(waited < patience, "{waited:?}");
    thawed.thaw();
    proxy.release();
    let (invoked, mut frozen) = invocation.await.unwrap();
    if let Invoked::Error(class, message) = invoked {
        assert_eq!(class, "retryable", "{message}");
    }
    // The function that was frozen works again.
    frozen.invoke(&all).await.all_handled();
    frozen.invoke(&event(&parts.topic, &records(30..40))).await.all_handled();
    let sinks = Sinks::open(&parts).await;
    let good = batch.iter().filter(|record| record.value.as_deref() != Some(BAD)).count();
    assert_eq!(sinks.totals().await["A"], i64::try_from(20 + good).unwrap());
}

/// A value that is poison.
const BAD: &[u8] = b"no JSON";

/// The frozen function holds locks in Postgres. The server ends its idle transaction, so the other function can
/// continue.
#[tokio::test]
async fn a_function_frozen_before_its_commit_blocks_others_only_briefly_and_stores_nothing_twice() {
    freeze(&["COMMIT\0"], false, &records(10..30), Duration::from_secs(12)).await;
}

/// A function must not hold locks in Postgres while it writes parked records to S3.
#[tokio::test]
async fn a_function_frozen_while_it_parks_blocks_no_other() {
    let mut batch = records(10..30);
    batch[7] = batch[7].clone().with(Some(BAD));
    freeze(&["PUT ", "/totals-upserter/"], true, &batch, Duration::from_secs(4)).await;
}

/// When a function reports a timeout, its statement must not keep waiting in the server.
#[tokio::test]
async fn a_statement_that_waits_for_a_lock_ends_with_its_invocation() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    migrated(&parts, &pipelines).await;
    let sinks = Sinks::open(&parts).await;
    let mut function = Function::start("totals-upserter", &parts, &pipelines).await;
    function.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
    let table = parts.totals_table();
    let other = Sinks::open(&parts).await;
    other.database().batch_execute(&format!("BEGIN; LOCK TABLE {table}")).await.unwrap();
    function.limit(Duration::from_secs(3));
    let (class, message) = function.invoke(&event(&parts.topic, &records(0..20))).await.error();
    assert_eq!(class, "retryable", "{message}");
    let waiting = format!(
        "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE '%{table}%' AND pid <> pg_backend_pid() \
         AND state = 'active'"
    );
    let deadline = Instant::now() + Duration::from_secs(5);
    while sinks.query_text(&waiting).await != ["0"] {
        assert!(Instant::now() < deadline, "the server still works on it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    other.database().batch_execute("COMMIT").await.unwrap();
    function.limit(Duration::from_secs(20));
    function.invoke(&event(&parts.topic, &records(0..20))).await.all_handled();
    assert_eq!(sinks.totals().await["A"], 20);
}

/// After a failover, open connections still lead to the old primary, which refuses writes. A function must notice that
/// and connect again within one invocation.
#[tokio::test]
async fn after_a_failover_a_warm_function_finds_the_new_primary_and_loses_nothing() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let mut primary = OwnPostgres::make().await;
    primary.start(&[]).await;
    let mut standby = OwnPostgres::standby_of(&primary).await;
    standby.start(&[]).await;
    let on_primary = primary.with_tables(&parts, &pipelines).await;
    let proxy = Proxy::start(&primary.address(), &["never\0"], Moment::Hold, || ()).await;
    let mut through = on_primary.clone();
    through.database_url = on_primary.database_url.replace(&primary.address(), &proxy.address);
    let mut functions = Vec::new();
    for _ in 0..2 {
        let mut function = Function::start("totals-upserter", &through, &pipelines).await;
        function.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
        functions.push(function);
    }
    let (old, new) = (primary.connect("postgres").await, standby.connect("postgres").await);
    // Waits until the standby has all data, then promotes it. The old primary keeps running, but becomes read-only.
    let position: String = old.query_one("SELECT pg_current_wal_lsn()::text", &[]).await.unwrap().get(0);
    let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !new.query_one(&caught_up, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < deadline, "the standby lags");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    old.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    old.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    new.batch_execute("SELECT pg_promote()").await.unwrap();
    // For a moment, the proxy still leads to the old primary, like a DNS name after a failover.
    let invocation = tokio::spawn({
        let (mut function, all) = (functions.remove(0), event(&parts.topic, &records(0..20)));
        async move { function.invoke(&all).await }
    });
    let reading = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headwater'";
    let before: i64 = old.query_one(reading, &[]).await.unwrap().get(0);
    assert!(before > 0, "nobody is on the old primary");
    proxy.lead_to(&standby.address());
    invocation.await.unwrap().all_handled();
    // The second function did not notice the failover: its open connection leads to the old primary.
    functions[0].invoke(&event(&parts.topic, &records(0..30))).await.all_handled();
    let mut on_standby = parts.clone();
    on_standby.database_url = standby.url("postgres");
    assert_eq!(Sinks::open(&on_standby).await.totals().await["A"], 30);
    // A crash of the old primary does not disturb the function, which is connected to the new primary now.
    primary.stop();
    functions[0].invoke(&event(&parts.topic, &records(0..40))).await.all_handled();
    assert_eq!(Sinks::open(&on_standby).await.totals().await["A"], 40);
}

/// A `DATABASE_URL` may name several hosts. The first one in this test is read-only.
#[tokio::test]
async fn of_two_hosts_the_writable_one_is_used() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let (mut one, mut two) = (OwnPostgres::make().await, OwnPostgres::make().await);
    one.start(&["default_transaction_read_only=on"]).await;
    two.start(&[]).await;
    let mut both = two.with_tables(&parts, &pipelines).await;
    both.database_url = format!("postgres://postgres@{},{}/postgres", one.address(), two.address());
    let mut function = Function::start("totals-upserter", &both, &pipelines).await;
    function.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
}

/// Retries would not help, so the function must not wait until its timeout.
#[tokio::test]
async fn a_secret_that_cannot_be_read_is_reported_at_once_as_a_configuration_fault() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let variables = [("DATABASE_AUTH", "secret:no-such-secret")];
    let mut function = Function::start_with("totals-upserter", &parts, &pipelines, &variables).await;
    let begun = Instant::now();
    let (class, message) = function.invoke(&event(&parts.topic, &records(0..10))).await.error();
    assert_eq!(class, "configuration", "{message}");
    assert!(message.contains("ResourceNotFoundException"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The function reads the secret for each new connection. The test changes the role's password and closes the
/// connection of the function, first without and then with a new value of the secret.
#[tokio::test]
async fn a_rotated_password_is_fetched_again_and_a_wrong_one_is_a_configuration_fault() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let mut server = OwnPostgres::make().await;
    server.start(&[]).await;
    let mut parts = server.with_tables(&parts, &pipelines).await;
    let admin = server.connect("postgres").await;
    admin.batch_execute("CREATE ROLE writer SUPERUSER LOGIN PASSWORD 'one'").await.unwrap();
    server.rules("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let secrets = aws_sdk_secretsmanager::Client::new(&settings::sdk_config().await);
    let id = format!("tests/{}", parts.topic);
    let secret = |password: &str| format!(r#"{{"username":"writer","password":"{password}"}}"#);
    secrets.create_secret().name(&id).secret_string(secret("one")).send().await.unwrap();
    let auth = format!("secret:{id}");
    parts.database_url = parts.database_url.replace("postgres@", "writer@");
    let variables = [("DATABASE_AUTH", auth.as_str())];
    let mut function = Function::start_with("totals-upserter", &parts, &pipelines, &variables).await;
    function.invoke(&event(&parts.topic, &records(0..10))).await.all_handled();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'writer'";
    admin.batch_execute(&format!("ALTER ROLE writer PASSWORD 'two'; {cut}")).await.unwrap();
    let (class, message) = function.invoke(&event(&parts.topic, &records(0..20))).await.error();
    assert_eq!(class, "configuration", "{message}");
    assert!(message.contains("28P01"), "{message}");
    secrets.put_secret_value().secret_id(&id).secret_string(secret("two")).send().await.unwrap();
    function.invoke(&event(&parts.topic, &records(0..20))).await.all_handled();
}
