//! The gateway answers 200 when the event is in Kafka, and refuses invalid requests with the reason.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use end_to_end::{Answered, Function, Parts, Topic};
use serde_json::{Value, json};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
/// A valid event as a form.
const GOOD_FORM: &str = "timestamp=1664624846.762738&make=Ford&model=Explorer&position_x=0.00499&\
    position_y=2.4563888155285308e-05&position_z=0.0045&speed=2.1349&vin=GD9KE1GANAGOCJ64E";

/// A valid event with this timestamp in seconds. The VIN is the timestamp, padded to 17 characters.
fn good(timestamp: u32) -> Value {
    json!({
        "timestamp": timestamp, "make": "Ford", "model": "O'Neil", "position_x": 1, "position_y": 2.5, "position_z": -3e5,
        "speed": 1e5, "vin": format!("{timestamp:0>17}"),
    })
}

/// A gateway with its own topic of four partitions.
struct Lane {
    parts: Parts,
    topic: Topic,
    gateway: Function,
}

impl Lane {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(variables: &[(&str, &str)]) -> Self {
        let parts = Parts::of_environment();
        let topic = Topic::make(&parts.topic, 4).await;
        let gateway = environment(&parts, &topic.servers, variables).await;
        Self { parts, topic, gateway }
    }

    async fn post(&mut self, content_type: (&str, &str), body: impl AsRef<[u8]>) -> Answered {
        self.gateway.ask("POST", "/events", &[content_type], body.as_ref()).await
    }
}

/// Starts another environment of the gateway.
async fn environment(parts: &Parts, servers: &str, variables: &[(&str, &str)]) -> Function {
    let variables: Vec<_> = [("KAFKA_BOOTSTRAP_SERVERS", servers)].iter().chain(variables).copied().collect();
    Function::start_with("telemetry-gateway", parts, &[], &variables).await
}

/// The number in the answer to `GET /events`.
async fn served(gateway: &mut Function) -> u64 {
    let answer = gateway.ask("GET", "/events", &[], b"").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "text/plain; charset=utf-8"));
    let (_, count) = answer.body.split_once("Events served: ").unwrap();
    count.trim_end().strip_suffix('.').unwrap().parse().unwrap()
}

/// The key keeps the events of a vehicle in order. Headers carry `event_id` and the `Idempotency-Key` of the request.
#[tokio::test]
async fn when_the_answer_arrives_the_event_is_in_kafka_keyed_by_its_vehicle() {
    let mut lane = Lane::start().await;
    let headers = [FORM, ("idempotency-key", "k-1")];
    let form = format!("{GOOD_FORM}&event_id=e-1&battery=80");
    let answer = lane.gateway.ask("POST", "/events", &headers, form.as_bytes()).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"accepted": 1})), "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let records = lane.topic.records().await;
    let [record] = &records[..] else { panic!("{} records", records.len()) };
    assert_eq!(record.key_str(), Some("GD9KE1GANAGOCJ64E"));
    let value: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
    assert_eq!(
        (&value["speed"], &value["battery"], &value["event_id"]),
        (&json!(2.1349), &json!("80"), &json!("e-1"))
    );
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap())).collect();
    assert_eq!(headers, [("event-id", &b"e-1"[..]), ("idempotency-key", b"k-1")]);
    let age = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()
        - u128::try_from(record.timestamp).unwrap();
    assert!(age < 60_000, "the record's time is when it was received");
}

/// The gateway does not look for repetitions: the key of the table removes them later.
#[tokio::test]
async fn objects_arrays_and_lines_are_accepted_whole_and_repeated_events_are_accepted_again() {
    let mut lane = Lane::start().await;
    let lines = format!("{}\n\n{}\r\n", good(4), good(5));
    let bodies = [
        (JSON, good(1).to_string(), 1),
        (JSON, json!([good(2), good(3)]).to_string(), 2),
        (LINES, lines.clone(), 2),
        (JSON, lines, 2),
        (JSON, json!((0..1_000).map(good).collect::<Vec<_>>()).to_string(), 1_000),
    ];
    let mut sent = 0;
    for (content_type, body, count) in bodies {
        let answer = lane.post(content_type, body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "accepted": count })));
        sent += count;
        assert_eq!(lane.topic.count().await, sent);
    }
}

/// Expected status, headers and body of the request, and a part of the expected error.
type Refused<'a> = (u64, Vec<(&'a str, &'a str)>, Vec<u8>, &'a str);

/// Covers invalid bodies, sizes above the limit, content types, methods and paths. `HEAD` must have the headers of
/// `GET`.
#[tokio::test]
async fn invalid_requests_are_refused_with_the_reason_and_produce_nothing() {
    let mut lane = Lane::start().await;
    let with = |from: &str, to: &str| GOOD_FORM.replace(from, to).into_bytes();
    let refused: Vec<Refused<'_>> = vec![
        (400, vec![FORM], vec![], "no event"),
        (400, vec![JSON], b" ".to_vec(), "no event"),
        (400, vec![JSON], b"[]".to_vec(), "no event"),
        (400, vec![FORM], with("&speed=2.1349", ""), "speed is missing"),
        (400, vec![FORM], with("2.1349", "nan"), "speed must be"),
        (400, vec![FORM], with("2.1349", "inf"), "speed must be"),
        (400, vec![FORM], with("Explorer", "%FF"), "model must be text"),
        (400, vec![FORM], [GOOD_FORM.as_bytes(), b"&x=\xff"].concat(), "x is not UTF-8"),
        (400, vec![FORM], with("vin=", "vin=X&vin="), "vin occurs more than once"),
        (400, vec![FORM], with("GD9KE", "gd9ke"), "vin must be 17"),
        (400, vec![FORM], with("1664624846", "999999999999"), "timestamp must be"),
        (
            400,
            vec![JSON],
            good(1).to_string().replace("100000.0", "\"fast\"").into_bytes(),
            "speed must be a number",
        ),
        (400, vec![JSON], b"{\"timestamp\":".to_vec(), "not JSON"),
        (400, vec![JSON], b"\xff\xfe".to_vec(), "not JSON"),
        (400, vec![JSON], "[".repeat(100_000).into_bytes(), "not JSON"),
        (400, vec![FORM, ("idempotency-key", "a b")], GOOD_FORM.into(), "Idempotency-Key"),
        (413, vec![FORM], vec![b'x'; (1 << 20) + 1], "1048576 bytes"),
        (413, vec![JSON], vec![b'x'; 10_000_000], "1048576 bytes"),
        (400, vec![], vec![], "no event"),
        (415, vec![], GOOD_FORM.into(), "Content-Type must be"),
        (415, vec![("content-type", "text/plain")], GOOD_FORM.into(), "Content-Type must be"),
        (415, vec![FORM, ("content-encoding", "gzip")], GOOD_FORM.into(), "Content-Encoding"),
    ];
    for (status, headers, body, reason) in refused {
        let answer = lane.gateway.ask("POST", "/events", &headers, &body).await;
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{reason}: {answer:?}");
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    for (method, path, status) in [
        ("PUT", "/events", 405),
        ("POST", "/health", 405),
        ("OPTIONS", "/events", 405),
        ("PURGE", "/health", 405),
        ("GET", "/", 404),
        ("POST", "/other", 404),
    ] {
        let answer = lane.gateway.ask(method, path, &[FORM], GOOD_FORM.as_bytes()).await;
        assert_eq!((answer.status, answer.headers.contains_key("allow")), (status, status == 405), "{path}");
    }
    for path in ["/health", "/events", "/"] {
        let whole = lane.gateway.ask("GET", path, &[], b"").await;
        let mut head = lane.gateway.ask("HEAD", path, &[], b"").await;
        let length = head.headers.remove("content-length");
        assert_eq!((head.status, &head.headers), (whole.status, &whole.headers), "{path}");
        assert_eq!((head.body.as_str(), length), ("", Some(whole.body.len().to_string())), "{path}");
    }
    let (class, _) = lane.gateway.invoke(b"{\"Records\":[]}").await.error();
    assert_eq!(class, "poison", "what is no HTTP request is an error of the invocation");
    assert_eq!(lane.topic.count().await, 0);
    assert_eq!(lane.post(FORM, GOOD_FORM).await.status, 200, "it works on");
}

/// A client can then correct all of them at once.
#[tokio::test]
async fn all_bad_fields_are_named_in_one_answer() {
    let mut lane = Lane::start().await;
    let answer = lane.post(FORM, "timestamp=soon&speed=inf&model=%00").await;
    let body = answer.json();
    let fields: BTreeSet<_> =
        body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    let expected = ["make", "model", "position_x", "position_y", "position_z", "speed", "timestamp", "vin"];
    assert_eq!((answer.status, fields), (400, expected.into()));
}

/// `taken` and `rejected` contain the indexes of the events in the request, so a client can send only the rejected ones
/// again.
#[tokio::test]
async fn good_events_beside_bad_ones_are_accepted_and_the_answer_lists_both() {
    let mut lane = Lane::start().await;
    let array = json!([good(1), {"vin": 7}, good(2), null]).to_string();
    let mut lines = format!("{}\n{{broken\n{}\n", good(3), good(4)).into_bytes();
    lines.extend_from_slice(b"{\"model\":\"\xff\"}\n");
    for (content_type, body) in [(JSON, array.into_bytes()), (LINES, lines)] {
        let answer = lane.post(content_type, body).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["accepted"], &body["taken"]),
            (400, &json!(2), &json!([0, 2])),
            "{body}"
        );
        let rejected: Vec<_> =
            body["rejected"].as_array().unwrap().iter().map(|item| item["index"].as_u64().unwrap()).collect();
        assert_eq!(rejected, [1, 3]);
    }
    let records = lane.topic.records().await;
    let keys: BTreeSet<_> =
        records.iter().map(|record| record.key_str().unwrap().trim_start_matches('0')).collect();
    assert_eq!(keys, ["1", "2", "3", "4"].into());
}

/// The gateway must answer before Lambda's timeout, so that clients get a reason.
#[tokio::test]
async fn without_a_broker_the_answer_is_503_within_the_timeout_with_retry_after() {
    let parts = Parts::of_environment();
    // One address refuses connections. The other accepts them, but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for servers in ["127.0.0.1:9".to_owned(), silent.local_addr().unwrap().to_string()] {
        let mut gateway = environment(&parts, &servers, &[("PRODUCE_TIMEOUT_SECONDS", "2")]).await;
        let array = json!([good(1), 7, good(2)]).to_string();
        for (method, path, body) in [
            ("POST", "/events", GOOD_FORM),
            ("POST", "/events", &array),
            ("GET", "/events", ""),
            ("GET", "/health", ""),
        ] {
            let started = Instant::now();
            let content_type = if body.starts_with('[') { JSON } else { FORM };
            let answer = gateway.ask(method, path, &[content_type], body.as_bytes()).await;
            assert!(started.elapsed() < Duration::from_secs(15), "{method} {path}: {:?}", started.elapsed());
            assert_eq!(
                (answer.status, answer.headers["retry-after"].as_str()),
                (503, "1"),
                "{method} {path}"
            );
            if method == "POST" {
                assert_eq!(answer.json()["accepted"], 0);
            }
        }
        let answer = gateway.ask("POST", "/events", &[FORM], b"speed=fast").await;
        assert_eq!(answer.status, 400, "what is wrong is wrong without a broker too");
    }
}

/// The number comes from the offsets in Kafka, not from memory.
#[tokio::test]
async fn events_served_is_the_same_in_every_environment_and_after_a_restart() {
    let mut lane = Lane::start().await;
    assert_eq!(served(&mut lane.gateway).await, 0);
    let mut other = environment(&lane.parts, &lane.topic.servers, &[]).await;
    assert_eq!(lane.post(FORM, GOOD_FORM).await.status, 200);
    let batch = json!([good(1), good(2)]).to_string();
    assert_eq!(other.ask("POST", "/events", &[JSON], batch.as_bytes()).await.status, 200);
    assert_eq!((served(&mut lane.gateway).await, served(&mut other).await), (3, 3));
    drop((lane.gateway, other));
    let mut restarted = environment(&lane.parts, &lane.topic.servers, &[]).await;
    assert_eq!(served(&mut restarted).await, 3);
    let health = restarted.ask("GET", "/health", &[], b"").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
}

/// Each environment has its own producer.
#[tokio::test]
async fn eight_environments_at_once_lose_and_double_nothing() {
    let lane = Lane::start().await;
    let environments = (0..8_u32).map(async |number| {
        let mut gateway = environment(&lane.parts, &lane.topic.servers, &[]).await;
        for event in 0..50 {
            let body = good(1 + number * 50 + event).to_string();
            assert_eq!(gateway.ask("POST", "/events", &[JSON], body.as_bytes()).await.status, 200);
        }
    });
    futures::future::join_all(environments).await;
    let records = lane.topic.records().await;
    let vins: BTreeSet<_> = records.iter().map(|record| record.key_str().unwrap()).collect();
    assert_eq!((records.len(), vins.len()), (400, 400));
}

/// The secret ends with a line break, which is not part of the token. If the secret cannot be read, every request is
/// refused.
#[tokio::test]
async fn with_a_token_only_those_who_know_it_are_let_in() {
    let client = aws_sdk_secretsmanager::Client::new(&settings::sdk_config().await);
    let name = Parts::of_environment().topic;
    client.create_secret().name(&name).secret_string("open sesame\n").send().await.unwrap();
    let mut lane = Lane::start_with(&[("GATEWAY_TOKEN_SECRET", &name)]).await;
    for wrong in [
        vec![FORM],
        vec![FORM, ("authorization", "Bearer wrong")],
        vec![FORM, ("authorization", "open sesame")],
    ] {
        for method in ["POST", "GET"] {
            let answer = lane.gateway.ask(method, "/events", &wrong, GOOD_FORM.as_bytes()).await;
            assert_eq!(
                (answer.status, answer.headers["www-authenticate"].as_str()),
                (401, "Bearer"),
                "{wrong:?}"
            );
        }
    }
    let right = [FORM, ("authorization", "Bearer open sesame")];
    assert_eq!(lane.gateway.ask("POST", "/events", &right, GOOD_FORM.as_bytes()).await.status, 200);
    assert_eq!(lane.gateway.ask("GET", "/health", &[], b"").await.status, 200, "health asks for nothing");
    assert_eq!(lane.topic.count().await, 1);
    let mut locked =
        environment(&lane.parts, &lane.topic.servers, &[("GATEWAY_TOKEN_SECRET", "no-such-secret")]).await;
    assert_eq!(locked.ask("POST", "/events", &right, GOOD_FORM.as_bytes()).await.status, 503);
}
