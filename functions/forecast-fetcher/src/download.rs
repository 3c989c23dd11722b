//! Downloads one answer, with redirects and with retries until the item's time is over.

use std::time::SystemTime;

use bytes::Bytes;
use faults::{Backoff, Classified, FaultClass};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use object_reader::{WebClient, follow, redirect};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};
use url::Url;

use crate::answer::excerpt;
use crate::body;
use crate::fault::{Fault, GivenUp};
use crate::retry_after::retry_after;
use crate::token::Token;

/// The largest number of attempts for one answer.
const TRIES: u32 = 5;
/// The longest pause before the first retry. Each further retry may wait longer, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// One request may take half of the remaining time, so that there is time for a retry, but at least and at most these
/// times.
const SHORTEST_REQUEST: Duration = Duration::from_secs(1);
const LONGEST_REQUEST: Duration = Duration::from_secs(20);
/// The largest number of redirects in a row.
const REDIRECTS: usize = 5;

/// The downloads of one item.
pub(crate) struct Downloads<'a> {
    pub(crate) client: &'a WebClient,
    /// The item's first URL. Only its host gets the source's headers.
    pub(crate) start: &'a Url,
    /// The source's headers, filled in.
    pub(crate) headers: &'a HeaderMap,
    /// The token, which is hidden in reasons.
    pub(crate) token: Option<&'a Token>,
    /// The end of the item's time for fetching.
    pub(crate) deadline: Instant,
    /// The number of retries.
    pub(crate) retries: u64,
}

impl Downloads<'_> {
    /// Downloads the answer at `url`. Also returns the final URL after redirects.
    ///
    /// # Errors
    /// [`GivenUp`] after a fault that is not retryable, after the last attempt, or at the end of the item's time.
    pub(crate) async fn get(&mut self, url: &Url) -> Result<(Url, Bytes), GivenUp> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut tries = 0;
        loop {
            tries += 1;
            let fault = match self.request(url).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let given_up = |fault| GivenUp { fault, tries };
            if fault.class() != FaultClass::Retryable || tries == TRIES {
                return Err(given_up(fault));
            }
            if let Fault::Status { status, wait: Some(wait), .. } = fault {
                let now = Instant::now();
                let left = self.deadline.saturating_duration_since(now);
                // The comparison also avoids an overflow, because a server may ask for centuries.
                if wait >= left {
                    return Err(given_up(Fault::LongWait { status, wait, left }));
                }
                sleep_until(now + wait).await;
            }
            if !backoff.pause(self.deadline).await {
                return Err(given_up(fault));
            }
            self.retries += 1;
        }
    }

    /// One attempt, including its redirects. It may take half of the item's remaining time, between
    /// [`SHORTEST_REQUEST`] and [`LONGEST_REQUEST`].
    async fn request(&self, url: &Url) -> Result<(Url, Bytes), Fault> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let patience = (left / 2).clamp(SHORTEST_REQUEST, LONGEST_REQUEST).min(left);
        let answer = timeout_at(now + patience, self.redirected(url.clone())).await;
        answer.unwrap_or(Err(Fault::Slow(patience)))
    }

    /// Follows redirects, and returns the final URL with the body.
    ///
    /// # Errors
    /// [`Fault::Redirect`] for a redirect that must not be followed: with a token, one to another host.
    /// [`Fault::Redirects`] after [`REDIRECTS`] of them.
    async fn redirected(&self, mut url: Url) -> Result<(Url, Bytes), Fault> {
        for _ in 0..=REDIRECTS {
            let answer = self.send(&url).await?;
            let status = answer.status();
            let Some(link) = redirect(&answer) else { return Ok((url, self.read(answer).await?)) };
            url = follow(&url, &link, self.token.is_some())
                .map_err(|bad| Fault::Redirect(status.as_u16(), bad))?;
        }
        Err(Fault::Redirects(REDIRECTS))
    }

    /// Sends one request. A host other than the source's gets no configured header except `User-Agent`,
    /// because headers may contain secrets.
    ///
    /// # Errors
    /// [`Fault::Connection`] or [`Fault::Certificate`] if there was no answer.
    async fn send(&self, url: &Url) -> Result<Response<Incoming>, Fault> {
        let mut request = Request::builder()
            .uri(url.as_str())
            .body(Empty::new())
            // The original error is not used, because it may quote the URL with the token.
            .map_err(|_| Fault::Link("a URL is not one that can be requested".to_owned()))?;
        let headers = request.headers_mut();
        if url.origin() == self.start.origin() {
            headers.clone_from(self.headers);
        } else if let Some(agent) = self.headers.get(USER_AGENT) {
            headers.insert(USER_AGENT, agent.clone());
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.client.request(request).await.map_err(|error| Fault::unanswered(&error))
    }

    /// Reads the body of an answer with status 200.
    ///
    /// # Errors
    /// [`Fault::Status`] for every other status, [`Fault::Compressed`] for a compressed body, and those of
    /// [`body::whole`].
    async fn read(&self, answer: Response<Incoming>) -> Result<Bytes, Fault> {
        let (parts, body) = answer.into_parts();
        if parts.status != StatusCode::OK {
            let wait = retry_after(&parts.headers, SystemTime::now());
            let detail = excerpt(&body::beginning(body).await, self.token);
            return Err(Fault::Status { status: parts.status.as_u16(), wait, detail });
        }
        match parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"" | b"identity") => body::whole(body).await,
            Some(encoding) => Err(Fault::Compressed(excerpt(encoding, self.token))),
        }
    }
}
