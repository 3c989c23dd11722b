//! forecast-fetcher as a process, with S3 and Secrets Manager of the emulator and an API of the forecast on this
//! machine.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use end_to_end::{Bucket, Function, Invoked, Moment, Parts, Proxy, authority};
use forecast_fetcher::{Buckets, Fetcher, RawObjects, Request as Event, Settings};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use secrets::Secrets;
use serde_json::{Value, json};
use settings::Environment;
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

/// The token of the API. It contains characters that a URL must encode.
const TOKEN: &str = "s3cr3t+Token/42==";
/// The time of the run, which is a part of the keys of its objects.
const AT: &str = "2026-11-26T23:00:05.123Z";

/// A server that stands in for the forecast API. It answers 401 without the token, and 404 for cities from 1000 on.
struct Api {
    url: String,
    /// The city of each request, in the order of arrival.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer(&request, &seen);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, asked }
    }

    /// The number of requests so far.
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Records the city and answers as the forecast API would.
fn answer(request: &Request<Incoming>, seen: &Mutex<Vec<String>>) -> Response<Full<Bytes>> {
    let city = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(city.clone());
    let (status, body) = if request.uri().query() != Some("token=s3cr3t%2BToken%2F42%3D%3D") {
        (StatusCode::UNAUTHORIZED, "{\"error\":\"no such token\"}".to_owned())
    } else if city.parse().is_ok_and(|city: u32| city < 1000) {
        (StatusCode::OK, good(&city))
    } else {
        (StatusCode::NOT_FOUND, "{\"error\":\"no such city\"}".to_owned())
    };
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

/// A valid answer of the API.
fn good(city: &str) -> String {
    format!(
        "{{ \"id\": {city}, \"name\":\"São Paulo\", \"data\": [{{\"date\":\"2023-04-27 18:00:00\", \"t\": 23}}]}}\n"
    )
}

/// The bucket, the secret and the API of one test.
struct Lane {
    parts: Parts,
    bucket: Bucket,
    api: Api,
    /// Value of `FETCH_SOURCES`.
    sources: String,
}

impl Lane {
    async fn start() -> Self {
        let parts = Parts::of_environment();
        let (bucket, api) = (Bucket::make(&parts).await, Api::start().await);
        let client = aws_sdk_secretsmanager::Client::new(&settings::sdk_config().await);
        client.create_secret().name(&parts.topic).secret_string(format!("{TOKEN}\n")).send().await.unwrap();
        let sources = json!([{
            "name": "forecast_72", "url": format!("{}/{{item}}?token={{token}}", api.url), "items": ["1", "2"],
            "require": ["/id", "/data/0/date"], "token_secret": parts.topic,
            "target": format!("{}/raw/clima_tempo/forecast_72/forecast_72_{{time}}_{{item}}.json", parts.media),
        }]);
        Self { parts, bucket, api, sources: sources.to_string() }
    }

    async fn function(&self) -> Function {
        let variables = [("FETCH_SOURCES", self.sources.as_str())];
        Function::start_with("forecast-fetcher", &self.parts, &[], &variables).await
    }

    /// The fetcher as a library in this process.
    async fn fetcher(&self) -> Fetcher<Secrets, Buckets> {
        let variables = [("FETCH_SOURCES", self.sources.as_str())];
        let settings: Settings = variables.into_iter().collect::<Environment>().settings().unwrap();
        let sdk = settings::sdk_config().await;
        Fetcher::new(settings, Secrets::new(&sdk), Buckets::new(&sdk)).unwrap()
    }

    /// Size of a city's object in bytes. `None` if it does not exist.
    async fn size(&self, city: &str) -> Option<u64> {
        let store = Buckets::new(&settings::sdk_config().await);
        let location = self.parts.media.parse().unwrap();
        store.size(&location, &key(city), soon()).await.unwrap()
    }
}

/// Key of a city's object in the run at [`AT`].
fn key(city: &str) -> String {
    format!("raw/clima_tempo/forecast_72/forecast_72_20261126T230005Z_{city}.json")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// An event of the state machine for these cities, at the time [`AT`].
fn event(cities: &[&str]) -> Vec<u8> {
    json!({"source": "forecast_72", "items": cities, "at": AT}).to_string().into_bytes()
}

/// City 9999 does not exist. The second invocation has the same `at`, so it finds the objects of the first one and
/// fetches only the failed city again.
#[tokio::test]
async fn cities_are_stored_with_the_token_of_the_secret_and_a_repeated_invocation_writes_nothing_twice() {
    let lane = Lane::start().await;
    let mut function = lane.function().await;
    let first = function.invoke(&event(&["1", "2", "9999"])).await.answer();
    assert_eq!((&first["stored_count"], &first["failed_count"]), (&json!(2), &json!(1)), "{first}");
    assert_eq!((&first["bucket"], &first["at"]), (&json!(lane.bucket.name()), &json!(AT)));
    assert_eq!(first["stored"][0], json!({"item": "1", "key": key("1"), "bytes": good("1").len()}));
    assert_eq!(
        first["failed"],
        json!([{"item": "9999", "reason": "HTTP 404: {\"error\":\"no such city\"}"}])
    );
    let written = lane.bucket.modified(&key("1")).await;
    // A new environment, as after a timeout.
    let mut function = lane.function().await;
    let second = function.invoke(&event(&["1", "2", "9999"])).await.answer();
    assert_eq!((&second["stored"], &second["failed"]), (&first["stored"], &first["failed"]));
    assert_eq!(lane.api.asked(), 4, "what is stored is not fetched again");
    assert_eq!(lane.bucket.modified(&key("1")).await, written);
    assert_eq!(lane.size("9999").await, None);
    let defaults = function.invoke(b"{}").await.answer();
    assert_eq!(defaults["stored_count"], 2, "{defaults}");
}

/// Both invocations check, fetch and write the same 30 objects at the same time. Conditional writes decide which one
/// succeeds.
#[tokio::test]
async fn invocations_of_one_run_at_once_make_one_object_for_each_city() {
    let lane = Lane::start().await;
    let (one, other) = (lane.fetcher().await, lane.fetcher().await);
    let cities: Vec<String> = (1..=30).map(|city| city.to_string()).collect();
    let request: Event = serde_json::from_value(json!({"items": cities, "at": AT})).unwrap();
    let (one, other) = tokio::join!(one.run(request.clone(), soon()), other.run(request, soon()));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.stored_count, &one.stored), (30, &other.stored), "{:?} {:?}", one.failed, other.failed);
    for stored in &one.stored {
        assert_eq!(lane.size(stored.item.as_ref()).await, Some(stored.bytes));
    }
}

/// At the level `trace`, libraries may log requests with their URLs, which contain the token.
#[tokio::test]
async fn the_log_has_one_event_per_invocation_and_never_contains_the_token_at_any_level() {
    let lane = Lane::start().await;
    let log = tempfile::NamedTempFile::new().unwrap();
    let variables = [("FETCH_SOURCES", lane.sources.as_str()), ("LOG_LEVEL", "trace")];
    let mut function =
        Function::start_logging("forecast-fetcher", &lane.parts, &variables, log.as_file()).await;
    let answer = function.invoke(&event(&["1", "9999"])).await.answer();
    // The next invocation starts after the function has written the event of the first.
    assert_eq!(function.invoke(b"[]").await.error().0, "poison");
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("TRACE"), "the level reached the process");
    for text in [&log, &answer.to_string()] {
        let text = text.to_lowercase();
        assert!(!text.contains("s3cr3t") && !text.contains("token/42") && !text.contains("token%2f42"));
    }
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let events: Vec<&Value> = lines.iter().filter(|line| line.get("ItemsStored").is_some()).collect();
    assert_eq!(events.len(), 1);
    let metrics =
        ["ItemsStored", "ItemsFailed", "FetchRetries", "Faults"].map(|name| events[0][name].as_u64());
    assert_eq!(metrics, [Some(1), Some(1), Some(0), Some(0)], "{}", events[0]);
}

/// The action of a proxy. It is set after the function has started through the proxy, because it kills this function.
type Act = Arc<Mutex<Option<Box<dyn Fn() + Send>>>>;

/// Starts a function whose connections to S3 and Secrets Manager go through a proxy. After the PUT of city 1, the proxy
/// closes the connection, and with `kill` it kills the function.
async fn struck_after_its_put(lane: &Lane, kill: bool) -> (Function, Proxy) {
    let act: Act = Arc::default();
    let acts = Arc::clone(&act);
    let strike = move || {
        if let Some(act) = acts.lock().unwrap().as_ref() {
            act();
        }
    };
    let patterns = ["PUT /", "forecast_72_20261126T230005Z_1.json"];
    let proxy = Proxy::start(&authority(&lane.parts.endpoint), &patterns, Moment::After, strike).await;
    let mut through = lane.parts.clone();
    through.endpoint = format!("http://{}", proxy.address);
    let variables = [("FETCH_SOURCES", lane.sources.as_str())];
    let function = Function::start_with("forecast-fetcher", &through, &[], &variables).await;
    if kill {
        *act.lock().unwrap() = Some(Box::new(function.killer()));
    }
    proxy.arm();
    (function, proxy)
}

/// The retry of the PUT finds the object. It must not be reported as a failure.
#[tokio::test]
async fn a_put_whose_answer_is_lost_counts_as_stored() {
    let lane = Lane::start().await;
    let (mut function, _proxy) = struck_after_its_put(&lane, false).await;
    let answer = function.invoke(&event(&["1"])).await.answer();
    assert_eq!(
        answer["stored"],
        json!([{"item": "1", "key": key("1"), "bytes": good("1").len()}]),
        "{answer}"
    );
    assert_eq!(lane.size("1").await, Some(good("1").len() as u64));
}

/// The function dies after it has stored city 1. The API must not get a second request for that city.
#[tokio::test]
async fn after_a_crash_between_two_cities_the_next_invocation_fetches_only_the_rest() {
    let lane = Lane::start().await;
    let (mut function, _proxy) = struck_after_its_put(&lane, true).await;
    assert_eq!(function.invoke(&event(&["1"])).await, Invoked::Died);
    let mut function = lane.function().await;
    let answer = function.invoke(&event(&["1", "2"])).await.answer();
    assert_eq!((&answer["stored_count"], &answer["failed_count"]), (&json!(2), &json!(0)), "{answer}");
    assert_eq!(*lane.api.asked.lock().unwrap(), ["1", "2"]);
}

/// A secret that does not exist is a configuration fault: only an operator can correct it. A bad event is poison.
#[tokio::test]
async fn a_secret_that_does_not_exist_and_a_bad_event_fail_the_invocation_with_their_class() {
    let mut lane = Lane::start().await;
    let (class, message) = lane.function().await.invoke(br#"{"source":"x"}"#).await.error();
    assert_eq!(class, "poison", "{message}");
    lane.sources = lane.sources.replace(&format!("\"{}\"", lane.parts.topic), "\"no-such-secret\"");
    let (class, message) = lane.function().await.invoke(b"{}").await.error();
    assert_eq!(class, "configuration", "{message}");
    assert!(message.contains("secret no-such-secret"), "{message}");
    assert_eq!(lane.api.asked(), 0);
}

/// An error of one item must not fail the whole invocation.
#[tokio::test]
async fn a_bucket_that_does_not_exist_is_the_reason_of_each_item() {
    let mut lane = Lane::start().await;
    lane.sources = lane.sources.replace(&lane.parts.media, "s3://no-such-bucket-of-ours");
    let answer: Value = lane.function().await.invoke(b"{}").await.answer();
    assert_eq!((&answer["stored_count"], &answer["failed_count"]), (&json!(0), &json!(2)), "{answer}");
    assert!(answer["failed"][0]["reason"].as_str().unwrap().contains("no-such-bucket-of-ours"), "{answer}");
}
