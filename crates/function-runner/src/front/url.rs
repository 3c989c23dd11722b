//! Serves a function's URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::invoke::{no_runtime, not_found_or_broken, throttled, too_large};
use super::{url_answer, url_event};
use crate::deployed::{DeployedFunctions, Target};
use crate::server::{self, Unread};
use crate::{Outcome, REQUEST_LIMIT};

/// Serves one request of a function's URL. `path` is the path below `/url/{name}`, and `port` is the port of this
/// server.
pub(super) async fn answer(
    functions: &DeployedFunctions,
    name: &str,
    path: &str,
    port: u16,
    parts: &Parts,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let body = match server::read(body, REQUEST_LIMIT).await {
        Ok(body) => body,
        Err(Unread::TooLarge(_)) => return too_large(REQUEST_LIMIT),
        Err(Unread::Cut) => return failed(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    let runner = match functions.get(name).await {
        Ok(Target::Here(runner)) => runner,
        Ok(Target::Api) => return no_runtime(name),
        Err(error) => return not_found_or_broken(&error),
    };
    let event = url_event::event(name, path, port, parts, &body);
    match runner.invoke(event).await {
        Outcome::Answer(answer) => match url_answer::response(&answer, parts.method == Method::HEAD) {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(function = name, %error, "a function's answer is not a valid HTTP response");
                internal_error()
            }
        },
        Outcome::Failed(_) => {
            functions.doubt(name).await;
            internal_error()
        }
        // The event can be too large even if the body is not, because base64 makes the body a third larger.
        Outcome::TooLarge { .. } => too_large(REQUEST_LIMIT),
        Outcome::Throttled => throttled(),
        Outcome::Unavailable(reason) => {
            tracing::warn!(function = name, reason, "a function with a URL cannot be run");
            internal_error()
        }
    }
}

/// Lambda's response if the function failed.
fn internal_error() -> Response<Full<Bytes>> {
    failed(StatusCode::BAD_GATEWAY, "Internal Server Error")
}

/// An error in plain text. URLs do not use the JSON errors of the Invoke API.
fn failed(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
