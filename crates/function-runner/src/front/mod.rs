//! Serves Lambda's Invoke API and function URLs on a local port.
//!
//! - `POST /2015-03-31/functions/{name or ARN}/invocations`: for AWS SDKs and tools that use this address as their
//!   Lambda endpoint.
//! - `/url/{name}/…`: a function's URL. The event is in payload format 2.0.
//!
//! Signatures are not checked. Every process that can reach the loopback address can invoke functions.

mod background;
mod invoke;
mod url;
mod url_answer;
mod url_event;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::deployed::DeployedFunctions;
use crate::server;

/// SDKs read the type of an error from this header.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The server with its open port.
#[derive(Debug)]
pub struct Front {
    listener: TcpListener,
    address: SocketAddr,
    functions: DeployedFunctions,
}

impl Front {
    /// Opens the port on the loopback address. Port 0 selects a free port.
    ///
    /// Fails if the port is in use.
    pub async fn open(port: u16, functions: DeployedFunctions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Self { address: listener.local_addr()?, listener, functions })
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, and then waits for the running invocations.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (functions, port) = (self.functions, self.address.port());
        let answer = move |request| answer(functions.clone(), port, request);
        server::serve(self.listener, answer, stop).await;
    }
}

/// Sends a request to the Invoke API or to a function's URL, by its path.
async fn answer(
    functions: DeployedFunctions,
    port: u16,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if let Some(rest) = path.strip_prefix("/url/") {
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        return url::answer(&functions, &decoded(name), &format!("/{rest}"), port, &parts, body).await;
    }
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (&parts.method, segments.as_slice()) {
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => {
            invoke::answer(&functions, &decoded(name), &parts, body).await
        }
        _ => refused(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            &json!({"message": "This address serves POST /2015-03-31/functions/NAME/invocations and /url/NAME/"}),
        ),
    }
}

/// Decodes a percent-encoded part of a path. SDKs encode the colons of an ARN.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An error in the format of Lambda's API: the type in a header, the message in the JSON body.
fn refused(status: StatusCode, error_type: &'static str, body: &Value) -> Response<Full<Bytes>> {
    let mut response = json_response(status, body.to_string());
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(error_type));
    response
}

fn json_response(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
