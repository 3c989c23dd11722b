//! Benchmark of the gateway on a running stack. It measures two times alternately: that of an acknowledged event, and
//! that of an empty answer from the same function. It also measures the rate of events. Ratios can be compared between
//! machines; times cannot.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and prints its figures"
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

const ROUNDS: usize = 5;
/// Number of requests of each kind in a round.
const TURNS: usize = 100;
/// Number of requests in a round that measures the rate, over all senders.
const ARRAYS: usize = 300;
/// Number of events in such a request.
const EVENTS_OF_AN_ARRAY: usize = 100;
/// Number of concurrent senders.
const SENDERS: usize = 4;

fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Base URL of the gateway, without a final slash.
fn gateway() -> String {
    std::env::var("HEADWATER_GATEWAY_URL").unwrap()
}

/// A valid event. Each number gives another timestamp.
fn event(number: usize) -> serde_json::Value {
    // A time in 2001, so that the live board does not show these vehicles.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let timestamp = 1_000_000_000.0 + number as f64 / 1_000.0;
    json!({
        "timestamp": timestamp, "make": "Ford", "model": "Edge", "position_x": 1.5, "position_y": 2.5, "position_z": 3.5,
        "speed": 4.5, "vin": format!("SPEED{:0>12}", std::process::id()),
    })
}

/// Sends an event or an array of events to `/events`. Panics unless the gateway answers 200.
async fn post(client: &Http, body: String) {
    let request = Request::post(format!("{}/events", gateway())).header(CONTENT_TYPE, "application/json");
    let answer = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let _body = answer.into_body().collect().await.unwrap();
}

/// Requests a path that the function does not know. The time is that of the transport to the function and back.
async fn get_nothing(client: &Http) {
    let request = Request::get(format!("{}/nothing", gateway())).body(Full::default()).unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let _body = answer.into_body().collect().await.unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Median times of an acknowledged event and of an empty answer.
async fn in_turns(client: &Http, round: usize) -> (Duration, Duration) {
    let (mut acknowledged, mut empty) = (Vec::new(), Vec::new());
    for number in 0..TURNS {
        let started = Instant::now();
        get_nothing(client).await;
        empty.push(started.elapsed());
        let body = event(round * TURNS + number).to_string();
        let started = Instant::now();
        post(client, body).await;
        acknowledged.push(started.elapsed());
    }
    (median(acknowledged), median(empty))
}

/// Events per second, sent in arrays by concurrent senders.
async fn rate(client: &Http, round: usize) -> f64 {
    let started = Instant::now();
    let senders = (0..SENDERS).map(|sender| {
        let client = client.clone();
        tokio::spawn(async move {
            for array in 0..ARRAYS / SENDERS {
                let first = ((round * SENDERS + sender) * ARRAYS + array + 1_000) * EVENTS_OF_AN_ARRAY;
                let events: Vec<_> = (first..first + EVENTS_OF_AN_ARRAY).map(event).collect();
                post(&client, json!(events).to_string()).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let events = (ARRAYS * EVENTS_OF_AN_ARRAY) as f64;
    events / started.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let client = client();
    for round in 0..ROUNDS {
        let (acknowledged, empty) = in_turns(&client, round).await;
        let ratio = acknowledged.as_secs_f64() / empty.as_secs_f64();
        println!("p50 of an event {acknowledged:.1?}, of an empty answer {empty:.1?}: ratio {ratio:.2}");
    }
    for round in 0..ROUNDS {
        println!("{:.0} events a second in arrays of {EVENTS_OF_AN_ARRAY}", rate(&client, round).await);
    }
}
