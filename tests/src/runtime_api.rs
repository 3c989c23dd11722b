//! Lambda's Runtime API, as far as a function needs it: the next event, an answer, an error.

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

/// What a function did with an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Response(Value),
    Error(Value),
}

/// The API's two ends: events to give out, answers that came back.
pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    pub(crate) events: mpsc::Sender<Vec<u8>>,
    pub(crate) answers: mpsc::Receiver<Answer>,
    /// When the function first asked for an event.
    pub(crate) asked: watch::Receiver<Option<Instant>>,
    /// How long an invocation may take, as the function is told.
    pub(crate) timeout: Timeout,
}

pub(crate) type Timeout = Arc<std::sync::Mutex<Duration>>;

/// How long an invocation may take, unless a test says otherwise: enough on a busy machine.
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

async fn serve(
    request: Request<Incoming>,
    queue: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
    answered: mpsc::Sender<Answer>,
    timeout: Timeout,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if method == Method::GET && path.ends_with("/invocation/next") {
        // A function that was killed while it waited must not take the event of the next one.
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
    // A test that ended no longer listens.
    let _ = answered.send(answer).await;
    Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default()).unwrap())
}
