//! A connection that is replaced when the Lambda sandbox was frozen or a broker was lost.

use std::future::Future;
use std::time::Duration;

use faults::{Backoff, Classified, FaultClass};
use krafka::{Kafka, KrafkaError};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::error::Unanswered;
use crate::reused::Reused;
use crate::{Caller, ClusterSettings, ConnectError, SdkConfig, connect};

/// The `client.id` of requests for offsets.
const CLIENT_ID: &str = "headwater-lag";

/// The time limits of one request in a Lambda function. The caller's deadline applies as well.
const CALLER: Caller =
    Caller { client_id: CLIENT_ID, connect: Duration::from_secs(3), request: Duration::from_secs(5) };

/// The first and the longest pause before a retry.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A connection to one cluster that is reused between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    settings: ClusterSettings,
    sdk: SdkConfig,
    /// The client's name and the time limits of its requests.
    caller: Caller,
    /// `None` before the first request and after an error.
    client: Mutex<Option<Reused<Kafka>>>,
}

impl Connection {
    /// Creates a connection that connects with the first request.
    pub(crate) fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk, caller: CALLER, client: Mutex::new(None) }
    }

    /// Connects now. `patience` limits this call and, later, each request to a broker.
    pub(crate) async fn open(
        settings: ClusterSettings,
        sdk: SdkConfig,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let caller = Caller { client_id: CLIENT_ID, connect: patience, request: patience };
        let connection = Self { settings, sdk, caller, client: Mutex::new(None) };
        connection.client(Instant::now() + patience).await?;
        Ok(connection)
    }

    /// Runs `question` until it succeeds, fails with an error that is not retryable, or `deadline` passes. Each retry
    /// uses a new connection.
    pub(crate) async fn ask<T, F>(
        &self,
        deadline: Instant,
        question: impl Fn(Kafka) -> F,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Result<T, KrafkaError>>,
    {
        let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
        let mut before: Option<Unanswered> = None;
        loop {
            let error = match timeout_at(deadline, self.ask_once(deadline, &question)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                // The previous attempt's error says more than a timeout.
                Err(_) => before.take().unwrap_or_else(|| {
                    Unanswered::Kafka(KrafkaError::timeout("the deadline passed without an answer"))
                }),
            };
            if error.class() != FaultClass::Retryable {
                return Err(error);
            }
            *self.client.lock().await = None;
            if !backoff.pause(deadline).await {
                return Err(error);
            }
            tracing::debug!(%error, "retrying on a new connection");
            before = Some(error);
        }
    }

    /// One attempt: connects if necessary, and runs `question`.
    async fn ask_once<T, F>(&self, deadline: Instant, question: impl Fn(Kafka) -> F) -> Result<T, Unanswered>
    where
        F: Future<Output = Result<T, KrafkaError>>,
    {
        let kafka = self.client(deadline).await?;
        Ok(question(kafka).await?)
    }

    /// Returns the current client. Connects a new one if there is none, or if the current one was idle for so long that
    /// the sandbox may have been frozen.
    async fn client(&self, deadline: Instant) -> Result<Kafka, ConnectError> {
        let mut slot = self.client.lock().await;
        if let Some(reused) = slot.as_mut().filter(|reused| reused.is_fresh()) {
            reused.touch();
            return Ok(reused.client.clone());
        }
        // Boxed because the future is large and connecting is rare.
        let connecting = timeout_at(deadline, Box::pin(connect(&self.settings, &self.sdk, self.caller)));
        let kafka = connecting.await.unwrap_or_else(|_| {
            let servers = self.settings.cluster.to_string();
            Err(ConnectError::Connect { servers, source: KrafkaError::timeout("connecting") })
        })?;
        *slot = Some(Reused::new(kafka.clone()));
        Ok(kafka)
    }
}
