//! The gateway through the stack's emulator: what it adds to an answer, and how many events pass. Prints its figures.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one measures"
)]

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::json;

type Http = Client<HttpConnector, Full<Bytes>>;

fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

fn gateway() -> String {
    std::env::var("HEADWATER_GATEWAY_URL").unwrap()
}

fn event(number: usize) -> serde_json::Value {
    // Long ago, so that these vehicles are on nobody's map.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let timestamp = 1_000_000_000.0 + number as f64 / 1_000.0;
    json!({
        "timestamp": timestamp, "make": "Ford", "model": "Edge", "position_x": 1.5, "position_y": 2.5, "position_z": 3.5,
        "speed": 4.5, "vin": format!("SPEED{:0>12}", std::process::id()),
    })
}

async fn post(client: &Http, body: String) -> StatusCode {
    let request = Request::post(format!("{}/events", gateway())).header(CONTENT_TYPE, "application/json");
    let answer = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    let status = answer.status();
    let _body = answer.into_body().collect().await.unwrap();
    status
}

/// A path that the function knows nothing of: what the way to a function and back takes by itself.
async fn get_nothing(client: &Http) -> StatusCode {
    let request = Request::get(format!("{}/nothing", gateway())).body(Full::default()).unwrap();
    let answer = client.request(request).await.unwrap();
    let status = answer.status();
    let _body = answer.into_body().collect().await.unwrap();
    status
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn an_acknowledged_event_takes_at_most_ten_milliseconds_more_than_an_empty_answer() {
    let client = client();
    // Fastest of three rounds: others use this machine too.
    let mut rounds = Vec::new();
    for round in 0..3 {
        let (mut empty, mut acknowledged) = (Vec::new(), Vec::new());
        for number in 0..100 {
            let started = Instant::now();
            assert_eq!(get_nothing(&client).await, StatusCode::NOT_FOUND);
            empty.push(started.elapsed());
            let started = Instant::now();
            assert_eq!(post(&client, event(round * 100 + number).to_string()).await, StatusCode::OK);
            acknowledged.push(started.elapsed());
        }
        rounds.push((median(acknowledged), median(empty)));
    }
    let (acknowledged, empty) =
        rounds.into_iter().min_by_key(|(slow, fast)| slow.saturating_sub(*fast)).unwrap();
    println!("p50 of an event: {acknowledged:?}; of an empty answer: {empty:?}");
    assert!(acknowledged < empty + Duration::from_millis(10), "{acknowledged:?} against {empty:?}");
}

#[tokio::test]
async fn two_thousand_events_a_second_pass_in_arrays_of_a_hundred() {
    const ARRAYS: usize = 300;
    const AT_ONCE: usize = 4;
    let client = client();
    let mut rates = Vec::new();
    for round in 0..3 {
        let started = Instant::now();
        let senders = (0..AT_ONCE).map(|sender| {
            let client = client.clone();
            tokio::spawn(async move {
                for array in 0..ARRAYS / AT_ONCE {
                    let first = ((round * AT_ONCE + sender) * ARRAYS + array + 1_000) * 100;
                    let events: Vec<_> = (first..first + 100).map(event).collect();
                    assert_eq!(post(&client, json!(events).to_string()).await, StatusCode::OK);
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        rates.push((ARRAYS * 100) as f64 / started.elapsed().as_secs_f64());
    }
    let rate = rates.into_iter().fold(0.0, f64::max);
    println!("{rate:.0} events a second");
    assert!(rate > 2_000.0, "{rate:.0} events a second");
}
