//! Fetches the items of a source concurrently and stores each as an object.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chrono::Utc;
use faults::{Backoff, Classified, FaultClass};
use futures::StreamExt;
use futures::stream;
use object_reader::{WebClient, web_client};
use s3::{PutIfAbsent, StoreError};
use secrets::SecretError;
use tokio::time::{Duration, Instant, timeout_at};

use crate::download::Downloads;
use crate::item::Item;
use crate::pages::{self, PagesError};
use crate::report::{Failed, Report, Stored};
use crate::request::{BadRequest, Request, Task};
use crate::settings::Settings;
use crate::share::{AT_ONCE, end_of_fetching, end_of_share};
use crate::source::Source;
use crate::store::{RawObjects, Tokens};
use crate::template::BadToken;
use crate::token::Token;

/// The longest time to read a secret.
const TO_READ_SECRET: Duration = Duration::from_secs(10);

/// The invocation failed before it fetched an item. Failures of single items are in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is not valid.
    #[error(transparent)]
    Request(#[from] BadRequest),
    /// The token's secret does not exist, is empty, or may not be read.
    #[error(transparent)]
    Secret(SecretError),
    /// The TLS client could not be created.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
}

impl Classified for FetchError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Request(error) => error.class(),
            Self::Secret(error) => error.class(),
            Self::Tls(_) => FaultClass::Configuration,
        }
    }
}

/// Why one item is not stored.
#[derive(Debug, thiserror::Error)]
enum ItemError {
    /// The answer or one of the pages could not be fetched, or is not valid.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// S3 failed, or refused the request.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token has characters that a URL or a header cannot contain.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// Another invocation is writing the object and did not finish in time.
    #[error("another invocation is writing {0}")]
    Busy(String),
}

/// Fetches the items of sources and stores them.
#[derive(Debug)]
pub struct Fetcher<T, O> {
    client: WebClient,
    sources: Vec<Source>,
    tokens: T,
    objects: O,
}

/// The parts of an invocation that all its items share.
struct Run<'a> {
    /// The source, the items and the time of the run.
    task: &'a Task<'a>,
    token: Option<&'a Token>,
    /// The number of retried requests of all items.
    retries: AtomicU64,
}

impl Run<'_> {
    /// The text of an error, with the token hidden: an error may quote a server's answer.
    fn reason(&self, error: &ItemError) -> String {
        let reason = error.to_string();
        self.token.map_or_else(|| reason.clone(), |token| token.hidden_in(&reason))
    }
}

impl<T: Tokens, O: RawObjects> Fetcher<T, O> {
    /// Creates a fetcher that connects when it first fetches.
    ///
    /// # Errors
    /// [`FetchError::Tls`] if the TLS client cannot be created with the trusted authorities.
    pub fn new(settings: Settings, tokens: T, objects: O) -> Result<Self, FetchError> {
        let client = web_client(settings.authorities).map_err(FetchError::Tls)?;
        Ok(Self { client, sources: settings.sources, tokens, objects })
    }

    /// Fetches and stores the requested items before `deadline`. A failed item does not affect the others.
    ///
    /// # Errors
    /// [`FetchError`] if nothing can be fetched. If the secret cannot be read for a temporary reason, the report lists
    /// all items as failed instead.
    pub async fn run(&self, request: Request, deadline: Instant) -> Result<Report, FetchError> {
        let task = request.task(&self.sources, Utc::now())?;
        let token = match self.token(task.source, deadline).await {
            Ok(token) => token,
            // A later invocation may succeed, so this one returns a report in which all items failed.
            Err(error) if error.class() == FaultClass::Retryable => {
                let reason = error.to_string();
                let results = task.items.iter().map(|_| Err(reason.clone())).collect();
                return Ok(report(&task, results, 0));
            }
            Err(error) => return Err(FetchError::Secret(error)),
        };
        let run = Run { task: &task, token: token.as_ref(), retries: AtomicU64::new(0) };
        let number = task.items.len();
        let mut results: Vec<(usize, Result<Stored, String>)> = stream::iter(task.items.iter().enumerate())
            .map(|(index, item)| {
                let run = &run;
                async move {
                    let end = end_of_share(Instant::now(), deadline, number - index);
                    (index, self.item(run, item, end).await.map_err(|error| run.reason(&error)))
                }
            })
            // Unordered, so that a slow item does not delay the start of the next ones.
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        results.sort_by_key(|(index, _)| *index);
        let results = results.into_iter().map(|(_, result)| result).collect();
        Ok(report(&task, results, run.retries.into_inner()))
    }

    /// Reads the token's secret. `None` if the source has no token.
    ///
    /// # Errors
    /// [`SecretError`]: retryable if Secrets Manager does not answer, otherwise a configuration fault, also
    /// for a blank secret.
    async fn token(&self, source: &Source, deadline: Instant) -> Result<Option<Token>, SecretError> {
        let Some(secret) = &source.token_secret else { return Ok(None) };
        let until = deadline.min(Instant::now() + TO_READ_SECRET);
        let text = timeout_at(until, self.tokens.token(secret)).await;
        let text = text.map_err(|_| SecretError::passing(secret, "Secrets Manager does not answer"))??;
        Token::new(&text).map(Some).ok_or_else(|| SecretError::lasting(secret, "it holds no text"))
    }

    /// Fetches and stores one item before `end`, unless its object exists already.
    ///
    /// # Errors
    /// [`ItemError`], which becomes the item's reason in the report.
    async fn item(&self, run: &Run<'_>, item: &Item, end: Instant) -> Result<Stored, ItemError> {
        let source = run.task.source;
        let key = source.key(run.task.at, item);
        let stored = |bytes| Stored { item: item.clone(), key: key.clone(), bytes };
        // If the object exists, an earlier attempt of the same run has stored it.
        if let Some(bytes) = self.objects.size(source.bucket(), &key, end).await? {
            return Ok(stored(bytes));
        }
        let call = source.call(item, run.token)?;
        let mut downloads = Downloads {
            client: &self.client,
            start: &call.url,
            headers: &call.headers,
            token: run.token,
            deadline: end_of_fetching(Instant::now(), end),
            retries: 0,
        };
        let body = pages::item(source, &mut downloads).await;
        run.retries.fetch_add(downloads.retries, Ordering::Relaxed);
        self.store(source, &key, body?, end).await.map(stored)
    }

    /// Stores the object. If another invocation of the same run stored it first, that object counts. Returns
    /// the size of the stored object in bytes.
    ///
    /// # Errors
    /// [`ItemError::Busy`] if the competing write is not finished at `end`. [`ItemError::Store`] if S3 fails.
    async fn store(&self, source: &Source, key: &str, body: Bytes, end: Instant) -> Result<u64, ItemError> {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
        loop {
            let size = body.len() as u64;
            let put = self.objects.put_if_absent(source.bucket(), key, body.clone(), end).await;
            if put? == PutIfAbsent::Written {
                return Ok(size);
            }
            if let Some(size) = self.objects.size(source.bucket(), key, end).await? {
                return Ok(size);
            }
            // There is no object, so the competing write has not finished or has failed.
            if !backoff.pause(end).await {
                return Err(ItemError::Busy(key.to_owned()));
            }
        }
    }
}

/// The report for the items of `task` and their `results`, which have the same order.
fn report(task: &Task<'_>, results: Vec<Result<Stored, String>>, retries: u64) -> Report {
    let (mut stored, mut failed) = (Vec::new(), Vec::new());
    for (item, result) in task.items.iter().zip(results) {
        match result {
            Ok(object) => stored.push(object),
            Err(reason) => failed.push(Failed { item: item.clone(), reason }),
        }
    }
    Report {
        source: task.source.name().to_owned(),
        at: task.at,
        bucket: task.source.bucket().bucket().to_owned(),
        stored_count: stored.len(),
        failed_count: failed.len(),
        stored,
        failed,
        retries,
    }
}
