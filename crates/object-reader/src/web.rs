//! Files on a web server, for example in a public bucket, read over HTTP(S) below a base URL. Redirects are
//! followed, also to other hosts, but never from HTTPS to HTTP.

#[cfg(test)]
mod redirect_tests;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use faults::Backoff;
use futures::FutureExt;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3::{Fault, ObjectVersion, StoreError};
use tokio::time::{Duration, Instant, timeout_at};
use url::Url;

use crate::error::ReadError;
use crate::redirect::{follow, redirect};
use crate::web_client::{WebClient, web_client};

/// If no bytes of a body arrive for this long, the reader sends a new request from the byte at which it stopped.
const STALLED: Duration = Duration::from_secs(10);
/// A request follows at most this many redirects.
const REDIRECTS: usize = 5;
/// All characters except the removed ones are percent-encoded in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A base URL, `http://…` or `https://…`, ending with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// The text is not a base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a URL of the form https://host/path/ without a query")]
pub struct BadBaseUrl(String);

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(url: &str) -> Result<Self, BadBaseUrl> {
        let bad = || BadBaseUrl(url.to_owned());
        let parsed: hyper::Uri = url.parse().map_err(|_| bad())?;
        let known = matches!(parsed.scheme_str(), Some("http" | "https"));
        if !known || parsed.host().is_none() || parsed.query().is_some() {
            return Err(bad());
        }
        Ok(Self(format!("{}/", url.trim_end_matches('/'))))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.trim_end_matches('/'))
    }
}

/// The files below a base URL.
#[derive(Debug, Clone)]
pub struct WebFolder {
    client: WebClient,
    base: BaseUrl,
}

impl WebFolder {
    /// The files below `base`. HTTPS servers are verified against the compiled-in root certificates.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the TLS client cannot be created.
    pub fn new(base: BaseUrl) -> Result<Self, StoreError> {
        let client = web_client(authorities::public())
            .map_err(|error| Fault::lasting(error.to_string()).into_error("CONNECT", base.to_string(), 0))?;
        Ok(Self { client, base })
    }

    /// The base URL.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The file's URL; `path` is percent-encoded.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{}", self.base.0, utf8_percent_encode(path, IN_PATH))
    }

    /// The file's current state, or `None` if it does not exist. S3 answers 403 for a missing object if the
    /// caller may not list the bucket, so 403 counts as "does not exist" too.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for another 4xx status, a redirect that is not followed, or an answer without
    /// `ETag` and `Last-Modified`. [`StoreError::Failed`] if the server did not answer before `deadline`.
    pub async fn head(&self, path: &str, deadline: Instant) -> Result<Option<ObjectVersion>, StoreError> {
        let url = self.url(path);
        let answer = s3::retrying(deadline, s3::ATTEMPT, || {
            async {
                let answer = self.send(Method::HEAD, &url, 0).await?;
                match answer.status() {
                    StatusCode::OK => version(answer.headers()).map(Some),
                    StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(None),
                    other => Err(Fault::of_status(other.as_u16())),
                }
            }
            .boxed()
        });
        answer.await.map_err(|(fault, attempts)| fault.into_error("HEAD", url, attempts))
    }

    /// Returns a reader of the version `tag` that starts at byte `start`.
    pub(crate) fn read(&self, path: &str, tag: &str, start: u64, deadline: Instant) -> WebReader {
        WebReader {
            folder: self.clone(),
            url: self.url(path),
            tag: tag.to_owned(),
            next: start,
            body: None,
            deadline,
        }
    }

    /// The answer to a request for the bytes from `start` on, at the end of redirects. Every request starts
    /// at the file's own URL, because a redirect may lead to a URL that is valid for a short time only.
    async fn send(&self, method: Method, url: &str, start: u64) -> Result<Response<Incoming>, Fault> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            let answer = self.send_once(&method, &url, start).await?;
            let Some(link) = redirect(&answer) else { return Ok(answer) };
            let status = answer.status().as_u16();
            let refused = |reason: &dyn fmt::Display| {
                Fault::lasting(format!("the redirect of HTTP {status} to {link:?} is not followed: {reason}"))
            };
            let from = Url::parse(&url).map_err(|error| refused(&error))?;
            url = follow(&from, &link, false).map_err(|error| refused(&error))?.into();
        }
        Err(Fault::lasting(format!(
            "more than {REDIRECTS} redirects, one after the other; the last led to {url}"
        )))
    }

    /// Sends one request, without following redirects.
    async fn send_once(&self, method: &Method, url: &str, start: u64) -> Result<Response<Incoming>, Fault> {
        let mut request = Request::builder().method(method.clone()).uri(url);
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        let request = request.body(Empty::new()).map_err(|error| Fault::lasting(error.to_string()))?;
        self.client.request(request).await.map_err(|error| Fault::lost(&error))
    }
}

/// Reads a file. If the connection breaks, it sends a new request from the byte at which the connection broke.
#[derive(Debug)]
pub(crate) struct WebReader {
    folder: WebFolder,
    url: String,
    tag: String,
    /// The offset of the next byte to return.
    next: u64,
    /// The body of the current response, and how many of its bytes must still be skipped.
    body: Option<(Incoming, u64)>,
    deadline: Instant,
}

/// The result of a request for the rest of a file.
enum Opened {
    /// The body, and how many bytes at its beginning must be skipped.
    Body(Incoming, u64),
    /// The file ends at the requested offset (HTTP 416).
    End,
    /// The file has another tag, or is gone.
    Changed,
}

impl WebReader {
    /// Returns the next non-empty chunk, or `None` at the end of the file. After a broken connection or 10 s
    /// without bytes, it continues with a new request.
    ///
    /// # Errors
    /// [`ReadError::Changed`] if the file has another tag or is gone. [`ReadError::Store`] at the deadline.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(640));
        loop {
            let (body, skip) = match &mut self.body {
                Some(body) => body,
                None => match self.open().await? {
                    Opened::Body(body, skip) => self.body.insert((body, skip)),
                    Opened::End => return Ok(None),
                    Opened::Changed => return Err(ReadError::Changed),
                },
            };
            let until = self.deadline.min(Instant::now() + STALLED);
            let fault = match timeout_at(until, body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    let dropped = (*skip).min(bytes.len() as u64);
                    *skip -= dropped;
                    let bytes = bytes.slice(usize::try_from(dropped).unwrap_or(bytes.len())..);
                    self.next += bytes.len() as u64;
                    if bytes.is_empty() {
                        continue;
                    }
                    return Ok(Some(bytes));
                }
                Ok(Some(Err(error))) => Fault::lost(&error),
                Err(_) => Fault::timed_out(),
            };
            self.body = None;
            if !backoff.pause(self.deadline).await {
                return Err(fault.into_error("GET", self.url.clone(), 1).into());
            }
        }
    }

    /// Requests the bytes from offset `next` on, with retries until the deadline.
    async fn open(&self) -> Result<Opened, StoreError> {
        let opened = s3::retrying(self.deadline, s3::ATTEMPT, || {
            async {
                let answer = self.folder.send(Method::GET, &self.url, self.next).await?;
                match answer.status() {
                    StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                        if version(answer.headers())?.tag != self.tag {
                            return Ok(Opened::Changed);
                        }
                        // A server without support for ranges answers 200 with the whole file.
                        let skip = if answer.status() == StatusCode::OK { self.next } else { 0 };
                        Ok(Opened::Body(answer.into_body(), skip))
                    }
                    StatusCode::RANGE_NOT_SATISFIABLE => Ok(Opened::End),
                    StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(Opened::Changed),
                    other => Err(Fault::of_status(other.as_u16())),
                }
            }
            .boxed()
        });
        opened.await.map_err(|(fault, attempts)| fault.into_error("GET", self.url.clone(), attempts))
    }
}

/// Reads a file's version from the response headers. The tag is the `ETag`, or `Last-Modified` if there is no
/// `ETag`. The size is 0 if there is no `Content-Length`.
fn version(headers: &HeaderMap) -> Result<ObjectVersion, Fault> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let modified = text(LAST_MODIFIED).and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let tag = text(ETAG).or_else(|| text(LAST_MODIFIED)).ok_or_else(|| {
        Fault::lasting("the server sends neither ETag nor Last-Modified, so changes cannot be detected")
    })?;
    Ok(ObjectVersion {
        tag: tag.to_owned(),
        size: text(CONTENT_LENGTH).and_then(|text| text.parse().ok()).unwrap_or(0),
        modified: modified.map(|time| time.with_timezone(&Utc)).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_the_base_one_slash_and_the_encoded_key() {
        let folder = WebFolder::new("https://media.example/a/".parse().unwrap()).unwrap();
        assert_eq!(folder.url("b c/Ü+%.json"), "https://media.example/a/b%20c/%C3%9C%2B%25.json");
        assert_eq!(folder.base().to_string(), "https://media.example/a");
        for bad in ["media.example", "ftp://media.example/", "https://h/?x=1", ""] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_an_etag_the_tag_is_last_modified_and_without_both_it_is_an_error() {
        let mut headers = HeaderMap::new();
        assert!(version(&headers).is_err());
        headers.insert(LAST_MODIFIED, "Sat, 21 Nov 2026 12:00:00 GMT".parse().unwrap());
        let by_time = version(&headers).unwrap();
        assert_eq!(
            (by_time.tag.as_str(), by_time.modified.timestamp()),
            ("Sat, 21 Nov 2026 12:00:00 GMT", 1_795_262_400)
        );
        headers.insert(ETAG, "\"x\"".parse().unwrap());
        assert_eq!(version(&headers).unwrap().tag, "\"x\"");
    }
}
