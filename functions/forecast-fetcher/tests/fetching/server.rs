//! A web server with answers that a test sets, and a fetcher with objects in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use forecast_fetcher::{Fetcher, RawObjects, Report, Request, Settings, Tokens};
use s3::{PutIfAbsent, S3Location, StoreError};
use secrets::SecretError;
use serde_json::{Value, json};
use settings::Environment;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;

/// The server's reaction to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The server sends these bytes and closes the connection.
    Raw(Vec<u8>),
    /// The server sends nothing and keeps the connection open.
    Hang,
}

impl Reply {
    /// An answer with `Content-Length` and these headers.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut raw =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
        for (name, value) in headers {
            raw += &[name, ": ", value, "\r\n"].concat();
        }
        raw.push_str("\r\n");
        Self::Raw([raw.as_bytes(), body].concat())
    }

    /// An answer with status 200.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::new(200, &[("content-type", "application/json")], body)
    }

    pub(crate) fn weather() -> Self {
        Self::ok(WEATHER)
    }
}

/// A valid answer of the weather API with unusual formatting. Its bytes must be stored unchanged.
pub(crate) const WEATHER: &str = "{ \"id\":3477,\"name\":\"São Paulo\",\"country\":\"BR  \",\n\"data\":[{\"date\":\"2023-04-27 18:00:00\",\"temperature\":{\"temperature\":23},\"x\":2.50}]}\n";

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) at: Instant,
}

/// The answers and the requests of a server.
#[derive(Default)]
struct State {
    /// The answers of each path, in order. The last one is repeated.
    replies: HashMap<String, VecDeque<Reply>>,
    seen: Vec<Seen>,
}

/// A running server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts a server over HTTP.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts a server, with TLS if there is an acceptor.
    pub(crate) async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (Arc::clone(&state), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &state).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &state).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// An address without a server.
    pub(crate) fn nobody() -> Self {
        Self { port: 9, state: Arc::default() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sets the answers for a path with its query, in order. The last one is repeated. All other paths answer 404.
    pub(crate) fn on(&self, path: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.state.lock().unwrap().replies.insert(path.to_owned(), replies.into_iter().collect());
        self
    }

    /// All requests, in the order in which they arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The number of requests for a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path == path).count()
    }
}

/// Answers one request with the next reply for its path, and closes the connection or keeps it open without
/// an answer.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let reply = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen { path: path.clone(), headers, at: Instant::now() });
        match state.replies.get_mut(&path) {
            None => Reply::new(404, &[], format!("no {path} here")),
            Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some(replies) => replies[0].clone(),
        }
    };
    match reply {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Hang => std::future::pending().await,
    }
}

/// An object store in memory. A test double is enough, because these tests are about HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Memory {
    /// The keys of all objects, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        String::from_utf8(self.objects.lock().unwrap()[key].to_vec()).unwrap()
    }
}

impl RawObjects for Memory {
    async fn size(&self, _: &S3Location, key: &str, _: Instant) -> Result<Option<u64>, StoreError> {
        Ok(self.objects.lock().unwrap().get(key).map(|body| body.len() as u64))
    }

    async fn put_if_absent(
        &self,
        _: &S3Location,
        key: &str,
        body: Bytes,
        _: Instant,
    ) -> Result<PutIfAbsent, StoreError> {
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(key) {
            return Ok(PutIfAbsent::Lost);
        }
        objects.insert(key.to_owned(), body);
        Ok(PutIfAbsent::Written)
    }
}

/// Secrets in memory.
#[derive(Clone)]
pub(crate) struct Vault(pub(crate) Result<&'static str, SecretError>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Vault")
    }
}

impl Tokens for Vault {
    async fn token(&self, _: &str) -> Result<String, SecretError> {
        self.0.clone().map(str::to_owned)
    }
}

/// A fetcher under test.
pub(crate) struct Bench {
    pub(crate) fetcher: Fetcher<Vault, Memory>,
    pub(crate) objects: Memory,
}

/// A token with characters that URLs, HTML and JSON escape.
pub(crate) const TOKEN: &str = "s3cr3t+Token/42==";

impl Bench {
    /// Creates a fetcher for one source, with additional variables.
    pub(crate) fn new(source: &Value, variables: &[(&str, &str)]) -> Self {
        let sources = json!([source]).to_string();
        let mut all = vec![("FETCH_SOURCES", sources.as_str())];
        all.extend_from_slice(variables);
        let settings: Settings = all.into_iter().collect::<Environment>().settings().unwrap();
        let objects = Memory::default();
        let fetcher = Fetcher::new(settings, Vault(Ok(TOKEN)), objects.clone()).unwrap();
        Self { fetcher, objects }
    }

    /// A fetcher for the weather of this server.
    pub(crate) fn weather(server: &Server) -> Self {
        Self::new(&weather(&server.url("")), &[])
    }

    /// Runs once, with a fixed `at`.
    pub(crate) async fn run(&self, items: &[&str], time: Duration) -> Report {
        let event = json!({"items": items, "at": "2026-11-26T23:00:05.123Z"});
        let request: Request = serde_json::from_value(event).unwrap();
        self.fetcher.run(request, Instant::now() + time).await.unwrap()
    }

    /// Runs with one item that must fail, and returns the reason. Asserts that no object was stored.
    pub(crate) async fn refused(&self, time: Duration) -> String {
        let report = self.run(&["3477"], time).await;
        assert_eq!((report.stored_count, report.failed_count), (0, 1), "{report:?}");
        assert!(self.objects.keys().is_empty());
        report.failed[0].reason.clone()
    }
}

/// Enough time for a run without faults.
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// The weather source at a base URL.
pub(crate) fn weather(base: &str) -> Value {
    json!({
        "name": "forecast_72", "url": format!("{base}/locale/{{item}}/hours/72"), "items": ["3477"],
        "require": ["/id", "/data/0/date"],
        "target": "s3://raw/raw/clima_tempo/forecast_72/forecast_72_{time}_{item}.json"
    })
}

/// The path and query of the request for an item.
pub(crate) fn path(item: &str) -> String {
    format!("/locale/{item}/hours/72")
}

/// The key of an item's object in a run with the fixed `at`.
pub(crate) fn key(item: &str) -> String {
    format!("raw/clima_tempo/forecast_72/forecast_72_20261126T230005Z_{item}.json")
}
