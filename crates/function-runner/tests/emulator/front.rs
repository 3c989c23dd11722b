//! Invocations through Lambda's API and through function URLs: cases that users of other local Lambdas reported as
//! bugs.

use std::net::SocketAddr;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType, Runtime};
use function_runner::Code;
use function_runner::front::Front;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Lab;
use super::waiting::until;

/// Answers with its event, unless the event or its path selects another behaviour.
const BOOTSTRAP: &str = concat!(
    include_str!("../support/runtime.py"),
    r#"
import time

while True:
    request_id, _, event = next_event()
    print("printed", json.dumps(event)[:100], flush=True)
    path = event.get("rawPath", "")
    kind, answer = "response", event
    if path == "/fail" or event.get("fail"):
        kind, answer = "error", {"errorType": "Told", "errorMessage": "to fail"}
    elif path == "/slow":
        open(event["rawQueryString"], "w").close()
        time.sleep(1)
        answer = {"statusCode": 200, "body": "late"}
    elif path == "/cookies":
        answer = {"statusCode": 302, "headers": {"Location": "/"}, "cookies": ["a=1; HttpOnly", "b=2"]}
    elif path == "/bytes":
        answer = {"statusCode": 200, "body": "/wD+", "isBase64Encoded": True}
    elif path == "/broken":
        answer = {"statusCode": "never"}
    elif event.get("touch"):
        open(event["touch"], "w").close()
    call("POST", f"invocation/{request_id}/{kind}", json.dumps(answer))
"#
);

struct Open {
    lab: Lab,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Open {
    async fn new(name: &str) -> Self {
        let lab = Lab::new(name).await;
        lab.deploy_code(Blob::new(Code::pack(BOOTSTRAP.as_bytes()).unwrap()), Runtime::Providedal2023).await;
        let front = Front::open(0, lab.functions.clone()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let address = front.address();
        let serving = tokio::spawn(front.serve(async {
            let _ = stopped.await;
        }));
        Self { lab, address, stop, serving }
    }

    fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.lab.sdk)
            .endpoint_url(format!("http://{}", self.address))
            .retry_config(RetryConfig::disabled());
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    async fn limit(&self, concurrency: i32) {
        let limit = self.lab.lambda().put_function_concurrency().function_name(&self.lab.name);
        limit.reserved_concurrent_executions(concurrency).send().await.unwrap();
    }

    /// Sends a request to a path of the URL; returns the head and the body.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} /url/{}{path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n",
            self.lab.name
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }

    /// The event that the function gets for a request.
    async fn event(&self, path: &str, headers: &str, body: &[u8]) -> Value {
        let (head, event) = self.ask("POST", path, headers, body).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        serde_json::from_slice(&event).unwrap()
    }
}

#[tokio::test]
async fn the_sdk_invokes_a_function_and_reads_its_version_log_and_error() {
    let open = Open::new("invoked").await;
    let (lambda, name) = (open.lambda(), &open.lab.name);
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
    for name in [name, &arn, &format!("{arn}:$LATEST")] {
        let invoke = lambda.invoke().function_name(name).payload(Blob::new(r#"{"a": 1}"#));
        let answer = invoke.log_type(LogType::Tail).send().await.unwrap();
        assert_eq!((answer.status_code(), answer.executed_version()), (200, Some("$LATEST")));
        assert_eq!(answer.function_error(), None);
        let payload: Value = serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap();
        assert_eq!(payload, json!({"a": 1}));
        let log = base64_simd::STANDARD.decode_to_vec(answer.log_result().unwrap()).unwrap();
        let log = String::from_utf8(log).unwrap();
        let starts: Vec<&str> = log.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(starts, ["START", "printed", "END", "REPORT"], "{log}");
    }
    let failed =
        lambda.invoke().function_name(name).payload(Blob::new(r#"{"fail": true}"#)).send().await.unwrap();
    assert_eq!((failed.status_code(), failed.function_error()), (200, Some("Unhandled")));
    assert_eq!(failed.log_result(), None);
    let without = lambda.invoke().function_name(name).send().await.unwrap();
    assert_eq!(without.payload().unwrap().as_ref(), b"{}", "no payload is an empty object");
}

#[tokio::test]
async fn the_sdk_knows_each_refusal_by_its_name() {
    let open = Open::new("refused").await;
    let (lambda, name) = (open.lambda(), &open.lab.name);
    let error = async |name: &str, payload: Vec<u8>| {
        let invoked = lambda.invoke().function_name(name).payload(Blob::new(payload)).send().await;
        invoked.unwrap_err().into_service_error()
    };
    assert!(error("nobody", b"{}".to_vec()).await.is_resource_not_found_exception());
    assert!(error(name, b"no json".to_vec()).await.is_invalid_request_content_exception());
    let large = format!("\"{}\"", "x".repeat(function_runner::REQUEST_LIMIT)).into_bytes();
    assert!(error(name, large.clone()).await.is_request_too_large_exception());
    let event = lambda.invoke().function_name(name).invocation_type(InvocationType::Event);
    let too_large =
        event.payload(Blob::new(&large[..2 << 20])).send().await.unwrap_err().into_service_error();
    assert!(too_large.is_request_too_large_exception());
    open.limit(0).await;
    until("the function is switched off", async || {
        error(name, b"{}".to_vec()).await.is_too_many_requests_exception()
    })
    .await;
    let (head, _) = open.ask("GET", "/", "", b"").await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
}

#[tokio::test]
async fn an_event_is_taken_at_once_and_a_dry_run_invokes_nothing() {
    let open = Open::new("background").await;
    let (lambda, name) = (open.lambda(), &open.lab.name);
    let touched = std::env::temp_dir().join(name);
    let payload = Blob::new(json!({"touch": touched}).to_string());
    let invoke = lambda.invoke().function_name(name).payload(payload);
    let dry = invoke.clone().invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code(), 204);
    assert!(!touched.exists());
    let taken = invoke.invocation_type(InvocationType::Event).send().await.unwrap();
    assert_eq!(taken.status_code(), 202);
    until("it has run", async || touched.exists()).await;
    std::fs::remove_file(touched).unwrap();
}

#[tokio::test]
async fn bytes_text_and_cookies_of_a_request_reach_the_function_as_they_were_sent() {
    let open = Open::new("request").await;
    let bytes = open
        .event("/a%20b?n=1&n=2", "Content-Type: application/octet-stream\r\n", &[0, 0xff, 0x80, 10])
        .await;
    assert_eq!((&bytes["body"], &bytes["isBase64Encoded"]), (&json!("AP+ACg=="), &json!(true)));
    assert_eq!((&bytes["rawPath"], &bytes["rawQueryString"]), (&json!("/a%20b"), &json!("n=1&n=2")));
    let text = open
        .event(
            "",
            "Content-Type: application/json\r\nCookie: a=1; b=2\r\nX-A: 1\r\nx-a: 2\r\n",
            b"{\"a\": 1}",
        )
        .await;
    assert_eq!((&text["body"], &text["isBase64Encoded"]), (&json!("{\"a\": 1}"), &json!(false)));
    assert_eq!((&text["cookies"], &text["headers"]["x-a"]), (&json!(["a=1", "b=2"]), &json!("1,2")));
    assert_eq!(text["rawPath"], "/");
}

#[tokio::test]
async fn each_cookie_of_an_answer_is_a_header_and_bytes_are_sent_as_bytes() {
    let open = Open::new("answers").await;
    let (head, _) = open.ask("GET", "/cookies", "", b"").await;
    assert!(head.starts_with("HTTP/1.1 302"), "{head}");
    let cookies: Vec<&str> = head.lines().filter(|line| line.starts_with("set-cookie: ")).collect();
    assert_eq!(cookies, ["set-cookie: a=1; HttpOnly", "set-cookie: b=2"]);
    assert_eq!(open.ask("GET", "/bytes", "", b"").await.1, [0xff, 0, 0xfe]);
}

#[tokio::test]
async fn a_function_that_fails_or_answers_no_http_is_a_bad_gateway_and_a_large_body_is_refused() {
    let open = Open::new("failing").await;
    for path in ["/fail", "/broken"] {
        let (head, body) = open.ask("GET", path, "", b"").await;
        assert!(head.starts_with("HTTP/1.1 502"), "{head}");
        assert_eq!(body, b"Internal Server Error", "nothing of the function's error is shown");
    }
    let (head, _) = open.ask("POST", "/", "", &vec![0; function_runner::REQUEST_LIMIT + 1]).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    // In base64 this body is larger than an event may be.
    let (head, _) = open.ask("POST", "/", "", &vec![0; 5 << 20]).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_is_waited_for_at_a_stop() {
    let open = Open::new("stopping").await;
    open.event("/", "", b"").await;
    let name = open.lab.name.clone();
    let (address, stop, serving) = (open.address, open.stop, open.serving);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = std::env::temp_dir().join(&name);
    let request = format!("GET /url/{name}/slow?{} HTTP/1.1\r\nHost: here\r\n\r\n", begun.display());
    stream.write_all(request.as_bytes()).await.unwrap();
    until("the invocation has begun", async || begun.exists()).await;
    std::fs::remove_file(begun).unwrap();
    stop.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("late"), "{answer}");
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}
