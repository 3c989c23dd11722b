//! A connection that outlives a frozen sandbox and a lost broker.

use std::future::Future;
use std::time::{Duration, SystemTime};

use crate::{Caller, ClusterSettings, ConnectError, IDLE, SdkConfig, connect};
use faults::{Backoff, Classified, FaultClass};
use krafka::{Kafka, KrafkaError};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::error::Unanswered;

const CLIENT_ID: &str = "headwater-lag";

/// What functions give one exchange with a broker; a question's deadline comes first.
const CALLER: Caller =
    Caller { client_id: CLIENT_ID, connect: Duration::from_secs(3), request: Duration::from_secs(5) };

/// The pause before a question is asked again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// One cluster, asked again and again.
#[derive(Debug)]
pub(crate) struct Connection {
    settings: ClusterSettings,
    sdk: SdkConfig,
    caller: Caller,
    client: Mutex<Option<Client>>,
}

#[derive(Debug)]
struct Client {
    kafka: Kafka,
    used: SystemTime,
}

impl Connection {
    /// A connection that is made with the first question.
    pub(crate) fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk, caller: CALLER, client: Mutex::new(None) }
    }

    /// Connects now; `patience` bounds every exchange with a broker.
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

    /// Asks until there is an answer, an error that does not pass by itself, or `deadline`. After an error the next try
    /// has a new connection.
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
                // The error of the try before says more.
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
            tracing::debug!(%error, "asking again on a new connection");
            before = Some(error);
        }
    }

    async fn ask_once<T, F>(&self, deadline: Instant, question: impl Fn(Kafka) -> F) -> Result<T, Unanswered>
    where
        F: Future<Output = Result<T, KrafkaError>>,
    {
        let kafka = self.client(deadline).await?;
        Ok(question(kafka).await?)
    }

    /// The client at hand, or a new one: when there is none, and when the old one has been idle for so long that the
    /// sandbox may have been frozen.
    async fn client(&self, deadline: Instant) -> Result<Kafka, ConnectError> {
        let mut slot = self.client.lock().await;
        let fresh = |client: &&mut Client| client.used.elapsed().is_ok_and(|idle| idle <= IDLE);
        if let Some(client) = slot.as_mut().filter(fresh) {
            client.used = SystemTime::now();
            return Ok(client.kafka.clone());
        }
        // Boxed: connecting is rare, and its future is deep and large.
        let connecting = timeout_at(deadline, Box::pin(connect(&self.settings, &self.sdk, self.caller)));
        let kafka = connecting.await.unwrap_or_else(|_| {
            let servers = self.settings.cluster.to_string();
            Err(ConnectError::Connect { servers, source: KrafkaError::timeout("connecting") })
        })?;
        *slot = Some(Client { kafka: kafka.clone(), used: SystemTime::now() });
        Ok(kafka)
    }
}
