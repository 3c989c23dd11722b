//! A web server with files that behaves like a public bucket.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A running web server.
pub struct Web {
    /// Base URL of the files.
    pub url: String,
    /// Contents of the files by key.
    files: Files,
    /// How many of the next requests fail.
    faults: Arc<Mutex<u32>>,
}

impl Web {
    /// Starts a server without files. It ignores ranges, and sends an `ETag` with every file. For a missing file it
    /// answers 403, as S3 does to clients that may not list the bucket.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/public", listener.local_addr().unwrap());
        let (files, faults) = (Files::default(), Arc::new(Mutex::new(0)));
        let web = Self { url, files: Arc::clone(&files), faults: Arc::clone(&faults) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (files, faults) = (Arc::clone(&files), Arc::clone(&faults));
                let service = service_fn(move |request| {
                    let answer = answer(&request, &files, &faults);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        web
    }

    /// Adds or replaces a file.
    pub fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(key.to_owned(), body.into());
    }

    /// Makes the next `times` requests fail with status 503.
    pub fn fail(&self, times: u32) {
        *self.faults.lock().unwrap() = times;
    }
}

/// The `ETag` is a checksum of the content, so it changes with the content.
fn answer(request: &Request<Incoming>, files: &Files, faults: &Mutex<u32>) -> Response<Full<Bytes>> {
    let mut faults = faults.lock().unwrap();
    if *faults > 0 {
        *faults -= 1;
        return Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(Full::default()).unwrap();
    }
    let key = request.uri().path().strip_prefix("/public/").unwrap_or_default();
    let key = percent_decode_str(key).decode_utf8().unwrap().into_owned();
    let files = files.lock().unwrap();
    let Some(body) = files.get(&key) else {
        return Response::builder().status(StatusCode::FORBIDDEN).body(Full::default()).unwrap();
    };
    let sum = body.iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let answer =
        Response::builder().header("etag", format!("\"{sum:x}\"")).header("content-length", body.len());
    let body = if request.method() == Method::HEAD { Bytes::new() } else { Bytes::from(body.clone()) };
    answer.body(Full::new(body)).unwrap()
}
