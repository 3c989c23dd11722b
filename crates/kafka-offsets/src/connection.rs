//! A connection that outlives a frozen sandbox and a lost broker.

use std::future::Future;
use std::time::{Duration, SystemTime};

use faults::FaultClass;
use kafka_client::{Caller, ClusterSettings, ConnectError, IDLE, SdkConfig, class_of, connect};
use krafka::{Kafka, KrafkaError};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::error::Unanswered;

const CLIENT_ID: &str = "headwater-lag";

/// What functions give one exchange with a broker; a question's deadline comes first.
const CALLER: Caller =
    Caller { client_id: CLIENT_ID, connect: Duration::from_secs(3), request: Duration::from_secs(5) };

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
    pub(crate) async fn open(settings: ClusterSettings, patience: Duration) -> Result<Self, ConnectError> {
        let caller = Caller { client_id: CLIENT_ID, connect: patience, request: patience };
        let sdk = SdkConfig::builder().build();
        let connection = Self { settings, sdk, caller, client: Mutex::new(None) };
        connection.client(Instant::now() + patience).await?;
        Ok(connection)
    }

    /// Asks before `deadline`. Where a connection that was there before fails, the question is asked once more on a
    /// new one.
    pub(crate) async fn ask<T, F>(
        &self,
        deadline: Instant,
        question: impl Fn(Kafka) -> F,
    ) -> Result<T, Unanswered>
    where
        F: Future<Output = Result<T, KrafkaError>>,
    {
        loop {
            let (kafka, is_new) = self.client(deadline).await.map_err(Unanswered::Connect)?;
            let answer = timeout_at(deadline, question(kafka)).await;
            match answer.unwrap_or_else(|_| Err(KrafkaError::timeout("the deadline passed"))) {
                Ok(answer) => return Ok(answer),
                Err(error) if class_of(&error) != FaultClass::Retryable => {
                    return Err(Unanswered::Kafka(error));
                }
                Err(error) => {
                    *self.client.lock().await = None;
                    if is_new || Instant::now() >= deadline {
                        return Err(Unanswered::Kafka(error));
                    }
                    tracing::debug!(%error, "asking again on a new connection");
                }
            }
        }
    }

    /// The client at hand, or a new one: when there is none, and when the old one has been idle for so long that the
    /// sandbox may have been frozen. Tells whether it is new.
    async fn client(&self, deadline: Instant) -> Result<(Kafka, bool), ConnectError> {
        let mut slot = self.client.lock().await;
        let fresh = |client: &&mut Client| client.used.elapsed().is_ok_and(|idle| idle <= IDLE);
        if let Some(client) = slot.as_mut().filter(fresh) {
            client.used = SystemTime::now();
            return Ok((client.kafka.clone(), false));
        }
        // Boxed: connecting is rare, and its future is deep and large.
        let connecting = timeout_at(deadline, Box::pin(connect(&self.settings, &self.sdk, self.caller)));
        let kafka = connecting.await.unwrap_or_else(|_| {
            let servers = self.settings.cluster.to_string();
            Err(ConnectError::Connect { servers, source: KrafkaError::timeout("connecting") })
        })?;
        *slot = Some(Client { kafka: kafka.clone(), used: SystemTime::now() });
        Ok((kafka, true))
    }
}
