//! A stub of the weather source's API.
//!
//! - `GET /api/v1/forecast/locale/{city}/hours/72?token=…` answers with a forecast, or with the fault of the city.
//!   Without a token, the status is 401.
//! - `PUT /faults` replaces the faults. The body is a JSON object: city → fault.
//! - `GET /faults` returns the active faults.
//! - `GET /requests` returns the number of forecast requests by city.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chrono::Utc;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::json;

use super::{
    answer::forecast,
    faults::{Faults, Kind},
};
use crate::local_server::LocalServer;

/// The delay of the fault `slow`. It is longer than the timeout of forecast-fetcher.
const SLOW: Duration = Duration::from_mins(1);
/// The largest body of a request, in bytes.
const MOST_BODY: usize = 64 << 10;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The state of the stub. It exists only in memory.
#[derive(Debug, Default)]
pub(crate) struct ForecastStub {
    /// The active faults.
    faults: Mutex<Faults>,
    /// The number of forecast requests with a token, by city.
    requests: Mutex<BTreeMap<String, u64>>,
}

impl ForecastStub {
    /// Makes a stub with these faults.
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults: Mutex::new(faults), ..Self::default() }
    }

    /// Serves requests until the process ends.
    pub(crate) async fn serve(self, server: LocalServer) -> anyhow::Result<()> {
        let stub = Arc::new(self);
        let answer = move |request| {
            let stub = Arc::clone(&stub);
            async move { stub.answer(request).await }
        };
        server.serve(answer).await
    }

    /// Locks the faults. A panic elsewhere while they were locked is ignored.
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the counts of requests, in the same way as [`Self::faults`].
    fn requests(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request; see the module's documentation for the routes.
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match (request.method().clone(), path.as_str()) {
            (Method::GET, "/faults") => json_answer(&*self.faults()),
            (Method::PUT, "/faults") => {
                let body = Limited::new(request.into_body(), MOST_BODY).collect().await;
                let faults = body.map_err(|error| error.to_string()).and_then(|body| {
                    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
                });
                match faults {
                    Ok(faults) => {
                        *self.faults() = faults;
                        answer(StatusCode::NO_CONTENT, "")
                    }
                    Err(reason) => answer(StatusCode::BAD_REQUEST, reason),
                }
            }
            (Method::GET, "/requests") => json_answer(&*self.requests()),
            (Method::GET, path) => match city_of(path) {
                Some(city) => self.forecast(city, request.uri().query()).await,
                None => answer(StatusCode::NOT_FOUND, r#"{"error":true,"detail":"Not found"}"#),
            },
            _ => answer(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":true,"detail":"Method not allowed"}"#),
        }
    }

    /// Counts the request, then answers with the forecast or with the fault of the city. Requests without a token are
    /// not counted and use up no fault.
    async fn forecast(&self, city: &str, query: Option<&str>) -> Response<Body> {
        let has_token = query
            .unwrap_or_default()
            .split('&')
            .any(|part| part.strip_prefix("token=").is_some_and(|token| !token.is_empty()));
        if !has_token {
            return answer(StatusCode::UNAUTHORIZED, r#"{"error":true,"detail":"Token is missing"}"#);
        }
        *self.requests().entry(city.to_owned()).or_default() += 1;
        let fault = self.faults().take(city);
        let Ok(id) = city.parse() else {
            return answer(StatusCode::BAD_REQUEST, r#"{"error":true,"detail":"Unknown locale"}"#);
        };
        let mut good = forecast(id, Utc::now());
        match fault {
            None => {}
            Some(Kind::TooMany) => {
                let mut answer =
                    answer(StatusCode::TOO_MANY_REQUESTS, r#"{"error":true,"detail":"Too many requests"}"#);
                answer.headers_mut().insert(RETRY_AFTER, 1.into());
                return answer;
            }
            Some(Kind::ServerError) => return answer(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            Some(Kind::Slow) => tokio::time::sleep(SLOW).await,
            Some(Kind::Empty) => good["data"] = json!([]),
            Some(Kind::Shape) => good = json!({"error": true, "detail": "Locale is not active"}),
            Some(Kind::Cut) => return cut(&good.to_string()),
            Some(Kind::Html) => {
                let mut page = answer(StatusCode::OK, "<!doctype html><title>Maintenance</title>");
                page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                return page;
            }
        }
        json_answer(&good)
    }
}

/// The city in `/api/v1/forecast/locale/{city}/hours/72`. `None` for any other path.
fn city_of(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1/forecast/locale/")?
        .strip_suffix("/hours/72")
        .filter(|city| !city.contains('/'))
}

fn json_answer(value: &impl serde::Serialize) -> Response<Body> {
    answer(StatusCode::OK, serde_json::to_string(value).unwrap_or_default())
}

/// An answer with this status and body, and the content type of JSON.
fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An answer whose `Content-Length` is that of the whole text, but whose body breaks off after half of it.
fn cut(text: &str) -> Response<Body> {
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let broken = async {
        // Without a pause, the connection would close before the first half is sent.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("cut off on purpose"))
    };
    let halves = stream::once(async { Ok(Frame::data(half)) }).chain(stream::once(broken));
    let body = StreamBody::new(halves).boxed_unsync();
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_LENGTH, text.len().into());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_city_is_read_from_the_path_of_the_source_system() {
        assert_eq!(city_of("/api/v1/forecast/locale/3477/hours/72"), Some("3477"));
        assert_eq!(city_of("/api/v1/forecast/locale/3477/hours/48"), None);
        assert_eq!(city_of("/api/v1/forecast/locale/a/b/hours/72"), None);
    }
}
