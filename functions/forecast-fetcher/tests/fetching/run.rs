//! A run: concurrent items, the answer, and a repeated run.

use forecast_fetcher::{Fetcher, Request, invocation};
use function_kit::telemetry::WideEvent;
use secrets::SecretError;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::server::{Bench, MINUTE, Reply, Server, Vault, WEATHER, key, path, weather};

/// The items of a run.
fn cities(number: usize) -> Vec<String> {
    (1..=number).map(|city| city.to_string()).collect()
}

#[tokio::test]
async fn answers_are_stored_unchanged_for_1_3_and_30_items() {
    let server = Server::start().await;
    for number in [1, 3, 30] {
        let cities = cities(number);
        for city in &cities {
            server.on(&path(city), [Reply::weather()]);
        }
        let bench = Bench::weather(&server);
        let items: Vec<&str> = cities.iter().map(String::as_str).collect();
        let report = bench.run(&items, MINUTE).await;
        assert_eq!((report.stored_count, report.failed_count), (number, 0), "{report:?}");
        let order: Vec<String> = report.stored.iter().map(|stored| stored.item.to_string()).collect();
        assert_eq!(order, cities);
        assert_eq!(bench.objects.keys().len(), number);
        for stored in &report.stored {
            assert_eq!(stored.key, key(stored.item.as_ref()));
            assert_eq!(stored.bytes, WEATHER.len() as u64);
            assert_eq!(bench.objects.text(&stored.key), WEATHER);
        }
    }
}

#[tokio::test]
async fn a_failed_item_is_named_and_does_not_affect_the_others() {
    let server = Server::start().await;
    server.on(&path("1"), [Reply::weather()]).on(&path("3"), [Reply::weather()]);
    let bench = Bench::weather(&server);
    let report = bench.run(&["1", "2", "3"], MINUTE).await;
    assert_eq!((report.stored_count, report.failed_count), (2, 1));
    assert_eq!(report.failed[0].item.to_string(), "2");
    assert!(report.failed[0].reason.starts_with("HTTP 404: no /locale/2"), "{}", report.failed[0].reason);
    assert_eq!(bench.objects.keys(), [key("1"), key("3")]);
}

/// The items after the hanging ones must get their full share of the time.
#[tokio::test]
async fn hanging_items_do_not_use_the_time_of_others() {
    let server = Server::start().await;
    let cities = cities(12);
    for city in &cities {
        let hangs = ["1", "2", "3", "4"].contains(&city.as_str());
        server.on(&path(city), [if hangs { Reply::Hang } else { Reply::weather() }]);
    }
    let bench = Bench::weather(&server);
    let items: Vec<&str> = cities.iter().map(String::as_str).collect();
    let started = Instant::now();
    let report = bench.run(&items, Duration::from_secs(9)).await;
    assert_eq!((report.stored_count, report.failed_count), (8, 4), "{report:?}");
    assert!(started.elapsed() < Duration::from_secs(9));
}

/// A state machine repeats an invocation with the same `at`.
#[tokio::test]
async fn a_repeated_run_fetches_only_what_is_missing() {
    let server = Server::start().await;
    server.on(&path("1"), [Reply::weather()]).on(&path("2"), [Reply::new(404, &[], ""), Reply::weather()]);
    let bench = Bench::weather(&server);
    let first = bench.run(&["1", "2"], MINUTE).await;
    assert_eq!((first.stored_count, first.failed_count), (1, 1));
    server.on(&path("1"), [Reply::ok(WEATHER.replace("23", "99"))]);
    let second = bench.run(&["1", "2"], MINUTE).await;
    assert_eq!((second.stored_count, second.failed_count), (2, 0), "{second:?}");
    assert_eq!(second.stored[0], first.stored[0]);
    assert_eq!((server.count(&path("1")), server.count(&path("2"))), (1, 2));
    assert_eq!(bench.objects.text(&key("1")), WEATHER);
}

/// The scheduler may start an invocation twice. The conditional PUT decides which one writes.
#[tokio::test]
async fn two_invocations_of_one_run_store_one_object_and_both_report_it() {
    let server = Server::start().await;
    server.on(&path("1"), [Reply::weather(), Reply::ok(WEATHER.replace("23", "99.75"))]);
    let bench = Bench::weather(&server);
    let (one, other) = tokio::join!(bench.run(&["1"], MINUTE), bench.run(&["1"], MINUTE));
    assert_eq!(one.stored, other.stored);
    assert_eq!(one.stored[0].bytes, bench.objects.text(&key("1")).len() as u64);
}

#[tokio::test]
async fn the_answer_and_the_log_line_report_every_item() {
    let server = Server::start().await;
    server.on(&path("3477"), [Reply::new(500, &[], ""), Reply::weather()]);
    let bench = Bench::weather(&server);
    let mut event = WideEvent::new("r-1");
    let payload = json!({"source": "forecast_72", "items": ["3477", "9999"], "at": "2026-11-26T20:00:05.123-03:00",
        "version": "0", "detail-type": "Scheduled Event"});
    let deadline = Instant::now() + MINUTE;
    let answer = invocation(&bench.fetcher, &payload.to_string(), deadline, &mut event).await.unwrap();
    assert_eq!(
        answer,
        json!({
            "source": "forecast_72", "at": "2026-11-26T23:00:05.123Z", "bucket": "raw",
            "stored": [{"item": "3477", "key": key("3477"), "bytes": WEATHER.len()}],
            "failed": [{"item": "9999", "reason": "HTTP 404: no /locale/9999/hours/72 here"}],
            "stored_count": 1, "failed_count": 1
        })
    );
    let line: Value = serde_json::from_str(&event.line(None)).unwrap();
    let metrics =
        ["ItemsStored", "ItemsFailed", "FetchRetries", "Faults"].map(|name| line[name].as_u64().unwrap());
    assert_eq!(metrics, [1, 1, 1, 0], "{line}");
    assert!(line["failed"][0].as_str().unwrap().starts_with("9999: HTTP 404"), "{line}");
    for bad in ["[]", "7", r#"{"items":{}}"#, r#"{"at":"x"}"#, r#"{"source":"x"}"#] {
        let failure = invocation(&bench.fetcher, bad, deadline, &mut WideEvent::new("r")).await.unwrap_err();
        assert_eq!(failure.class().as_str(), "poison", "{bad}");
    }
}

#[tokio::test]
async fn a_missing_secret_fails_the_invocation_and_an_unreachable_one_fails_the_items() {
    let server = Server::start().await;
    let mut source = weather(&server.url(""));
    source["headers"] = json!({"x-key": "{token}"});
    source["token_secret"] = json!("name");
    let run = async |secret| {
        let bench = Bench::new(&source, &[]);
        let environment = settings::Environment::from_iter([("FETCH_SOURCES", json!([source]).to_string())]);
        let fetcher = Fetcher::new(environment.settings().unwrap(), Vault(secret), bench.objects).unwrap();
        fetcher.run(Request::default(), Instant::now() + MINUTE).await
    };
    let lasting = run(Err(SecretError::lasting("name", "access denied"))).await.unwrap_err();
    assert!(lasting.to_string().contains("access denied"), "{lasting}");
    assert!(run(Ok(" \n")).await.unwrap_err().to_string().contains("holds no text"));
    let report = run(Err(SecretError::passing("name", "HTTP 500"))).await.unwrap();
    assert_eq!((report.failed_count, report.failed[0].reason.as_str()), (1, "secret name: HTTP 500"));
    assert!(server.seen().is_empty());
}
