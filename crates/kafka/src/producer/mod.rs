//! A Kafka producer for Lambda: idempotent, `acks=all`, every delivery checked.
//!
//! Two properties matter on Lambda. The producer reconnects after a frozen sandbox: between two invocations, Lambda may
//! freeze the process for longer than a connection, a session or a token lives. And it reports a record as sent only
//! after the brokers acknowledged it.

mod error;
mod record;

use std::time::Duration;

use faults::{Backoff, Classified, FaultClass};
use krafka::producer::{Acks, Producer};
use krafka::{CloseOptions, KrafkaError};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::error::ProduceError;
pub use self::record::OutgoingRecord;
use crate::reused::Reused;
use crate::{Caller, ClusterSettings, ConnectError, SdkConfig, class_of, connect};

/// The time limits of one connection and one request. A request without an answer is retried until the deadline.
const CALLER: Caller =
    Caller { client_id: "headwater", connect: Duration::from_secs(3), request: Duration::from_secs(5) };

/// The client retries a batch for this long. The producer is idempotent, so its retries create no duplicates. The
/// caller's deadline applies as well.
const DELIVERY: Duration = Duration::from_mins(15);

/// The first and the longest pause before records are sent again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The longest time to wait for a topic's metadata or for buffer memory.
const BLOCK: Duration = Duration::from_secs(5);

/// The size of a batch in bytes. A broker's default limit is 1 MB.
const BATCH: usize = 256 * 1024;

/// All in-sync replicas acknowledged every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Acknowledged {
    /// The number of records.
    pub records: usize,
}

/// A producer that reconnects when the Lambda sandbox may have been frozen.
#[derive(Debug)]
pub struct KafkaProducer {
    settings: ClusterSettings,
    sdk: SdkConfig,
    /// `None` before the first call and after a failed one.
    client: Mutex<Option<Reused<Producer>>>,
}

/// The result of sending one record.
enum SendResult {
    /// All in-sync replicas acknowledged the record.
    Stored,
    /// No broker received the record, so sending it again cannot create a duplicate.
    Unsent(KrafkaError),
    /// Sending the record again would not help, or could create a duplicate.
    Lost(KrafkaError),
}

impl KafkaProducer {
    /// Creates a producer that connects with the first call of [`Self::send_all`].
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk, client: Mutex::new(None) }
    }

    /// Connects now, so that a wrong setting stops the function's start and not its first record.
    ///
    /// # Errors
    /// The errors of [`crate::connect`].
    pub async fn connect(settings: ClusterSettings, sdk: SdkConfig) -> Result<Self, ConnectError> {
        let producer = Self::new(settings, sdk);
        let client = producer.open().await?;
        *producer.client.lock().await = Some(client);
        Ok(producer)
    }

    /// Sends all records to `topic` and waits for their acknowledgements. Records that reached no broker are sent again
    /// until `deadline`, on a new connection. Calls from several tasks run one after the other.
    ///
    /// # Errors
    /// [`ProduceError::Connect`] if no record could be sent; [`ProduceError::NotAcknowledged`], with the indexes of the
    /// records, if some are not acknowledged at `deadline`.
    pub async fn send_all(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = OutgoingRecord>,
        deadline: Instant,
    ) -> Result<Acknowledged, ProduceError> {
        let mut pending: Vec<(usize, OutgoingRecord)> = records.into_iter().enumerate().collect();
        let total = pending.len();
        let mut lost: Vec<usize> = Vec::new();
        let mut fault: Option<KrafkaError> = None;
        let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
        let mut slot = self.client.lock().await;
        while !pending.is_empty() {
            let client = match self.ready(&mut slot, deadline).await {
                Ok(client) => client,
                Err(error) if fault.is_none() && lost.is_empty() => return Err(error.into()),
                Err(_) => break,
            };
            let results = send(&client.client, topic, &pending, deadline).await;
            client.touch();
            let mut unsent = Vec::new();
            for ((index, record), result) in pending.drain(..).zip(results) {
                match result {
                    SendResult::Stored => {}
                    SendResult::Unsent(error) => {
                        fault.get_or_insert(error);
                        unsent.push((index, record));
                    }
                    SendResult::Lost(error) => {
                        fault.get_or_insert(error);
                        lost.push(index);
                    }
                }
            }
            if unsent.len() + lost.len() > 0 {
                // After a failure the client is replaced, so that records in its buffer are not sent later.
                discard(&mut slot).await;
            }
            pending = unsent;
            if pending.is_empty() || !backoff.pause(deadline).await {
                break;
            }
        }
        lost.extend(pending.into_iter().map(|(index, _)| index));
        lost.sort_unstable();
        match fault {
            Some(source) if !lost.is_empty() => Err(ProduceError::NotAcknowledged {
                topic: topic.to_owned(),
                acknowledged: total - lost.len(),
                unacknowledged: lost,
                source,
            }),
            _ => Ok(Acknowledged { records: total }),
        }
    }

    /// Returns the current client. Connects a new one if there is none, or if the current one was idle for so long that
    /// the sandbox may have been frozen.
    async fn ready<'a>(
        &self,
        slot: &'a mut Option<Reused<Producer>>,
        deadline: Instant,
    ) -> Result<&'a mut Reused<Producer>, ConnectError> {
        if slot.as_ref().is_some_and(|reused| !reused.is_fresh()) {
            discard(slot).await;
        }
        let client = match slot.take() {
            Some(client) => client,
            None => self.reach(deadline).await?,
        };
        Ok(slot.insert(client))
    }

    /// Connects, and retries until the deadline.
    async fn reach(&self, deadline: Instant) -> Result<Reused<Producer>, ConnectError> {
        let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
        loop {
            // The timeout is for a broker that never answers: the caller must get an error at its deadline.
            // Boxed because the future is large and connecting is rare.
            let opening = tokio::time::timeout_at(deadline, Box::pin(self.open()));
            let opened = opening.await.unwrap_or_else(|_| {
                let source = KrafkaError::timeout("connecting");
                Err(ConnectError::Connect { servers: self.settings.cluster.to_string(), source })
            });
            let Err(error) = opened else { return opened };
            if error.class() != FaultClass::Retryable || !backoff.pause(deadline).await {
                return Err(error);
            }
            tracing::debug!(%error, "no connection to Kafka yet");
        }
    }

    /// Connects once, and configures the producer: idempotent, `acks=all`, batches of [`BATCH`] bytes.
    async fn open(&self) -> Result<Reused<Producer>, ConnectError> {
        let kafka = connect(&self.settings, &self.sdk, CALLER).await?;
        let producer = kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .batch_size(BATCH)
            // A linger time is not needed: the client batches records that are queued together, because sending starts
            // only when the queue is polled.
            .linger(Duration::ZERO)
            .delivery_timeout(DELIVERY)
            .max_block(BLOCK.max(CALLER.request))
            .metrics_push(false)
            .build()
            .await
            .map_err(|source| ConnectError::Connect { servers: self.settings.cluster.to_string(), source })?;
        Ok(Reused::new(producer))
    }
}

/// Queues all records, then waits for each acknowledgement. The results are in the order of the records.
async fn send(
    producer: &Producer,
    topic: &str,
    records: &[(usize, OutgoingRecord)],
    deadline: Instant,
) -> Vec<SendResult> {
    let mut queued = Vec::with_capacity(records.len());
    let mut refused: Option<KrafkaError> = None;
    for (_, record) in records {
        // If one record cannot be queued, the records after it are not queued either: they would overtake it.
        if let Some(error) = &refused {
            queued.push(Err(error.clone()));
            continue;
        }
        let queueing = producer.enqueue(record.to(topic));
        let handle = match tokio::time::timeout_at(deadline, queueing).await {
            Ok(result) => result,
            Err(_) => Err(KrafkaError::timeout("the deadline passed before the record was queued")),
        };
        if let Err(error) = &handle {
            refused = Some(error.clone());
        }
        queued.push(handle);
    }
    let mut results = Vec::with_capacity(queued.len());
    for handle in queued {
        results.push(match handle {
            Err(error) if class_of(&error) == FaultClass::Retryable => SendResult::Unsent(error),
            Err(error) => SendResult::Lost(error),
            Ok(handle) => match tokio::time::timeout_at(deadline, handle).await {
                Err(_) => {
                    SendResult::Lost(KrafkaError::timeout("the deadline passed without an acknowledgement"))
                }
                Ok(Ok(metadata)) if metadata.is_persisted() => SendResult::Stored,
                Ok(Ok(_)) => SendResult::Lost(KrafkaError::illegal_state("sent without acknowledgement")),
                Ok(Err(error @ KrafkaError::DeliveryTimeout { possibly_written: false, .. })) => {
                    SendResult::Unsent(error)
                }
                Ok(Err(error)) => SendResult::Lost(error),
            },
        });
    }
    results
}

/// Closes a client without waiting for the records in its buffer.
async fn discard(slot: &mut Option<Reused<Producer>>) {
    if let Some(client) = slot.take() {
        let close = client.client.close_with(CloseOptions::new().timeout(Duration::from_millis(1)));
        if let Err(error) = close.await {
            tracing::debug!(%error, "a producer was discarded");
        }
    }
}
