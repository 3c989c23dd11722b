//! The part of Lambda's Runtime API that a function needs: the next event, an answer, an error.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};

/// A function's answer to an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Body of `POST …/response`.
    Response(Value),
    /// Body of `POST …/error`: an object with `errorType` and `errorMessage`.
    Error(Value),
}

/// The running API of one function.
pub(crate) struct RuntimeApi {
    /// `HOST:PORT`, for the variable `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
    /// Events for the function.
    pub(crate) events: mpsc::Sender<Vec<u8>>,
    /// The function's answers, in the order of the events.
    pub(crate) answers: mpsc::Receiver<Answer>,
    /// When the function first asked for an event; `None` until then.
    pub(crate) asked: watch::Receiver<Option<Instant>>,
    /// Timeout of an invocation. The function gets it as its deadline.
    pub(crate) timeout: Timeout,
}

/// Shared with the server, so that a test can change it between invocations.
pub(crate) type Timeout = Arc<std::sync::Mutex<Duration>>;

/// Timeout of an invocation if the test sets none. It is long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, queue) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let (first_asked, asked) = watch::channel(None);
        let queue = Arc::new(Mutex::new(queue));
        let timeout: Timeout = Arc::new(std::sync::Mutex::new(TIMEOUT));
        let told = Arc::clone(&timeout);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (queue, answered, asked) = (Arc::clone(&queue), answered.clone(), first_asked.clone());
                let told = Arc::clone(&told);
                let service = service_fn(move |request: Request<Incoming>| {
                    if request.uri().path().ends_with("/invocation/next") {
                        asked.send_if_modified(|first| {
                            first.is_none() && first.replace(Instant::now()).is_none()
                        });
                    }
                    serve(request, Arc::clone(&queue), answered.clone(), Arc::clone(&told))
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { address, events, answers, asked, timeout }
    }
}

/// Answers one request of the function. Request ID and ARN are constants, because the tests do not use them.
async fn serve(
    request: Request<Incoming>,
    queue: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
    answered: mpsc::Sender<Answer>,
    timeout: Timeout,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if method == Method::GET && path.ends_with("/invocation/next") {
        // Waits until the test sends an event. The body is empty if the test has ended.
        let event = queue.lock().await.recv().await.unwrap_or_default();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = deadline + *timeout.lock().unwrap();
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:000000000000:function:test",
            )
            .body(Full::new(Bytes::from(event)));
        return Ok(response.unwrap());
    }
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = if path.ends_with("/response") { Answer::Response(body) } else { Answer::Error(body) };
    // An error means that the test has ended.
    let _ = answered.send(answer).await;
    Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default()).unwrap())
}
