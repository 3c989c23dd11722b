//! The Runtime API of one process: HTTP on a separate loopback port.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::RESPONSE_LIMIT;
use crate::server::{self, Unread};

/// The header with the type of a function's error.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// An event for the process.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// `Lambda-Runtime-Aws-Request-Id`. The answer must have the same id.
    pub(crate) request_id: String,
    /// When the invocation times out, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: u64,
    /// `Lambda-Runtime-Invoked-Function-Arn`.
    pub(crate) function_arn: String,
    /// The X-Ray header of the invocation.
    pub(crate) trace_id: String,
    /// The JSON of the event.
    pub(crate) payload: Bytes,
}

/// A request of the process.
#[derive(Debug)]
pub(crate) enum Call {
    /// A request for the next event.
    Next(oneshot::Sender<Event>),
    /// The answer to an event, or the size of an answer that is too large. `taken` tells the process whether the answer
    /// was accepted.
    Response { request_id: String, answer: Result<Bytes, usize>, taken: oneshot::Sender<bool> },
    /// The report that an event failed.
    Error { request_id: String, error_type: Option<String>, payload: Bytes, taken: oneshot::Sender<bool> },
    /// The report that the process cannot start.
    InitError { error_type: Option<String>, payload: Bytes },
}

/// The API's server. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: SocketAddr,
    /// The requests of the process. Dropping a call refuses the request.
    pub(crate) calls: mpsc::Receiver<Call>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Opens a free port on the loopback address.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (calls, received) = mpsc::channel(1);
        let server = server::serve(listener, move |request| answer(request, calls.clone()), pending());
        Ok(Self { address, calls: received, server: tokio::spawn(server) })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves one request of the process.
async fn answer(request: Request<Incoming>, calls: mpsc::Sender<Call>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
    match (&parts.method, path.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(&calls).await,
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, kind @ ("response" | "error")]) => {
            finished((*id).to_owned(), kind, &parts.headers, body, &calls).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            let payload = server::read(body, RESPONSE_LIMIT).await.unwrap_or_default();
            let call = Call::InitError { error_type: error_type(&parts.headers), payload };
            if calls.send(call).await.is_ok() { accepted() } else { gone() }
        }
        (&Method::GET, ["2018-06-01", "ping"]) => plain(StatusCode::OK, "pong"),
        (_, [.., "next" | "response" | "error" | "ping"]) => {
            refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Method not allowed")
        }
        _ => refused(
            StatusCode::NOT_FOUND,
            "NotFound",
            "This Runtime API has invocation/next, invocation/ID/response, invocation/ID/error and init/error; extensions are not supported",
        ),
    }
}

/// Waits for an event. The request stays open until there is one, as in Lambda.
async fn next(calls: &mpsc::Sender<Call>) -> Response<Full<Bytes>> {
    let (send, event) = oneshot::channel();
    if calls.send(Call::Next(send)).await.is_err() {
        return gone();
    }
    let Ok(event) = event.await else {
        return refused(StatusCode::FORBIDDEN, "InvalidStateTransition", "Answer the last event first");
    };
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("lambda-runtime-aws-request-id", event.request_id)
        .header("lambda-runtime-deadline-ms", event.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", event.function_arn)
        .header("lambda-runtime-trace-id", event.trace_id)
        .body(Full::new(event.payload))
        .unwrap_or_else(|_| {
            refused(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InvalidHeader",
                "The function's ARN is no header value",
            )
        })
}

/// Passes an answer or an error to the runner, and waits until the runner accepts or refuses it.
async fn finished(
    request_id: String,
    kind: &str,
    headers: &HeaderMap,
    body: Incoming,
    calls: &mpsc::Sender<Call>,
) -> Response<Full<Bytes>> {
    let answer = match server::read(body, RESPONSE_LIMIT).await {
        Ok(answer) => Ok(answer),
        Err(Unread::TooLarge(bytes)) => Err(bytes),
        Err(Unread::Cut) => {
            let message = "HTTP request detected as truncated";
            return refused(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", message);
        }
    };
    let too_large = answer.is_err();
    let (taken, heard) = oneshot::channel();
    let call = if kind == "response" {
        Call::Response { request_id, answer, taken }
    } else {
        Call::Error {
            request_id,
            error_type: error_type(headers),
            payload: answer.unwrap_or_default(),
            taken,
        }
    };
    if calls.send(call).await.is_err() {
        return gone();
    }
    match heard.await {
        Ok(true) if too_large => {
            let message = format!("Exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).");
            refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Ok(true) => accepted(),
        _ => refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
    }
}

/// The type that the function gave its error, if any.
fn error_type(headers: &HeaderMap) -> Option<String> {
    headers.get(ERROR_TYPE)?.to_str().ok().map(str::to_owned)
}

fn accepted() -> Response<Full<Bytes>> {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#.into())
}

/// The response while the process is being ended.
fn gone() -> Response<Full<Bytes>> {
    refused(StatusCode::INTERNAL_SERVER_ERROR, "Gone", "The execution environment is being ended")
}

/// An error in the format of the Runtime API.
fn refused(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, serde_json::json!({"errorMessage": message, "errorType": error_type}).to_string())
}

fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
