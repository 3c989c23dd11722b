//! Client of the gateway with a bounded number of connections, which are kept open between events.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode, Uri};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::pool::{Pool, pool};
use crate::failure::failure;

/// Timeout of one request. It is longer than the time after which the gateway gives up on its brokers, so that the
/// gateway's own error normally arrives first.
const ANSWER: Duration = Duration::from_secs(20);
/// Largest response body in bytes. A longer body is ignored; the status still counts.
const MOST_BODY: usize = 64 << 10;
/// Longest error text in characters that is kept as a reason. Reasons are shown on one line.
const REASON_CHARS: usize = 200;

/// Outcome of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Status 2xx: Kafka has stored the event.
    Acknowledged,
    /// Any status other than 2xx, 5xx, 408 and 429. A retry would be refused too. Holds the status and the gateway's
    /// error text.
    Refused(String),
    /// The event may be stored or not, so it must be sent again: no answer, or status 5xx, 408 or 429. Holds the
    /// reason and the time to wait first, which is the answer's `Retry-After` or zero.
    Again(String, Duration),
}

/// Sends events to one gateway.
#[derive(Debug)]
pub(crate) struct Client {
    pool: Pool,
    /// Address of `/events`.
    url: Uri,
    /// Headers of every request: content type, host and, where there is a token, the authorization.
    headers: HeaderMap,
    /// One permit per connection.
    slots: Semaphore,
}

impl Client {
    /// Makes a client of the gateway at `host` with at most `connections` connections. Opens no connection yet.
    ///
    /// # Errors
    /// - `host` is not `http://…` or `https://…`, or it has a user name or a query.
    /// - The token has characters that a header cannot hold.
    /// - TLS cannot be set up.
    pub(crate) fn new(host: &str, token: Option<&str>, connections: usize) -> anyhow::Result<Self> {
        let (url, named) = target(host)?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, form), (HOST, named)]);
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value =
                value.map_err(|_| failure("the token is not plain text", "pass the text of the secret"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let pool = pool(connections)?;
        Ok(Self { pool, url, headers, slots: Semaphore::new(connections) })
    }

    /// Waits until a connection is free, first come, first served.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // `acquire` fails only if the semaphore was closed, and nothing closes it.
        Turn { client: self, _slot: self.slots.acquire().await.ok() }
    }

    /// Sends one request. Connection errors mean [`Told::Again`], because the gateway may have stored the event.
    async fn exchange(&self, form: &Bytes) -> Told {
        let mut request = Request::post(self.url.clone()).body(Full::new(form.clone())).unwrap_or_default();
        request.headers_mut().clone_from(&self.headers);
        let answer = match self.pool.request(request).await {
            Ok(answer) => answer,
            Err(error) => return Told::Again(faults::chain(&error), Duration::ZERO),
        };
        let (head, body) = answer.into_parts();
        // Hyper reuses a connection only if the body was read to its end.
        let body = Limited::new(body, MOST_BODY).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        judge(head.status, &head.headers, &body)
    }
}

/// Permission to use one connection. Dropping it lets the next vehicle send.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    client: &'a Client,
    _slot: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// Sends one form-encoded event. Returns the outcome and the time from the request to the answer or timeout.
    pub(crate) async fn post(self, form: &Bytes) -> (Told, Duration) {
        let started = Instant::now();
        let told = timeout(ANSWER, self.client.exchange(form)).await;
        let told = told.unwrap_or_else(|_| Told::Again("no answer".into(), Duration::ZERO));
        (told, started.elapsed())
    }
}

/// Classifies an answer. The error text is the field `error` of a JSON body. `Retry-After` is read only in seconds; the
/// gateway sends no dates.
fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Told {
    if status.is_success() {
        return Told::Acknowledged;
    }
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.as_ref().and_then(|body| body.get("error")).and_then(|error| error.as_str());
    let error: String = error.unwrap_or_default().chars().take(REASON_CHARS).collect();
    let reason = format!("{} {error}", status.as_u16()).trim_end().to_owned();
    let again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
    if status.is_server_error() || again.contains(&status) {
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        return Told::Again(reason, Duration::from_secs(seconds.unwrap_or(0)));
    }
    Told::Refused(reason)
}

/// Returns the URL of `/events` and the value of the `Host` header.
///
/// For plain HTTP, names below `localhost` become 127.0.0.1 in the URL, because not every resolver knows them. The
/// `Host` header keeps the name, for servers that select a function by it.
fn target(host: &str) -> anyhow::Result<(Uri, HeaderValue)> {
    let bad = || {
        failure(
            format!("{host} is not the address of a gateway"),
            "write it as https://host or http://host:port",
        )
    };
    let url: Uri = format!("{}/events", host.trim_end_matches('/')).parse().map_err(|_| bad())?;
    let authority = url.authority().ok_or_else(bad)?;
    if !matches!(url.scheme_str(), Some("http" | "https"))
        || url.query().is_some()
        || authority.as_str().contains('@')
    {
        return Err(bad());
    }
    let named = HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?;
    if url.scheme_str() == Some("https") || !authority.host().ends_with(".localhost") {
        return Ok((url, named));
    }
    let port = authority.port_u16().unwrap_or(80);
    let here =
        Uri::builder().scheme("http").authority(format!("127.0.0.1:{port}")).path_and_query(url.path());
    Ok((here.build().map_err(|_| bad())?, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_below_localhost_is_this_machine_under_its_own_name() {
        let (url, named) = target("http://abc.lambda-url.us-east-1.localhost:4566/").unwrap();
        assert_eq!(url.to_string(), "http://127.0.0.1:4566/events");
        assert_eq!(named, "abc.lambda-url.us-east-1.localhost:4566");
    }

    #[test]
    fn any_other_host_is_asked_for_and_a_path_is_kept() {
        for (host, expected) in [
            (
                "https://abc.lambda-url.eu-central-1.on.aws",
                "https://abc.lambda-url.eu-central-1.on.aws/events",
            ),
            (
                "http://127.0.0.1:4566/_aws/lambda-url/abc/",
                "http://127.0.0.1:4566/_aws/lambda-url/abc/events",
            ),
        ] {
            assert_eq!(target(host).unwrap().0.to_string(), expected);
        }
        for bad in ["gateway", "ftp://gateway", "http://", "http://h/?x=1", "http://user@h", ""] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_may_succeed_later_is_sent_again_and_what_may_not_is_refused_with_the_gateways_words() {
        let told = |status: u16, body: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("2"))]);
            judge(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
        };
        assert_eq!(told(200, ""), Told::Acknowledged);
        let refused = Told::Refused("400 vin is missing".into());
        assert_eq!(told(400, r#"{"error":"vin is missing"}"#), refused);
        assert_eq!(told(404, "<html>"), Told::Refused("404".into()));
        for status in [429, 500, 502, 503] {
            assert_eq!(told(status, ""), Told::Again(status.to_string(), Duration::from_secs(2)));
        }
    }
}
