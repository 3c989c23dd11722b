//! A Kafka producer for Lambda: idempotent, `acks=all`, every delivery checked.
//!
//! A sandbox may be frozen between two invocations for longer than a connection, a session or a token lives. And no
//! record is reported as sent that no broker has acknowledged.

mod error;
mod record;

use std::time::{Duration, SystemTime};

use crate::{Caller, ClusterSettings, ConnectError, IDLE, SdkConfig, class_of, connect};
use faults::{Backoff, Classified, FaultClass};
use krafka::producer::{Acks, Producer};
use krafka::{CloseOptions, KrafkaError};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::error::ProduceError;
pub use self::record::OutgoingRecord;

/// A request that is not answered is tried again within the deadline.
const CALLER: Caller =
    Caller { client_id: "headwater", connect: Duration::from_secs(3), request: Duration::from_secs(5) };

/// The client retries a batch within this by itself, without doubling it; a caller's deadline comes first.
const DELIVERY: Duration = Duration::from_mins(15);

/// The pause before a record is sent again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Fetching a topic's metadata, or waiting for buffer memory, takes this long at most.
const BLOCK: Duration = Duration::from_secs(5);

/// Bytes of a batch; a broker's default limit is 1 MB.
const BATCH: usize = 256 * 1024;

/// Every record was acknowledged by all in-sync replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Acknowledged {
    /// How many.
    pub records: usize,
}

/// A producer that outlives a frozen sandbox.
#[derive(Debug)]
pub struct KafkaProducer {
    settings: ClusterSettings,
    sdk: SdkConfig,
    client: Mutex<Option<Client>>,
}

struct Client {
    producer: Producer,
    used: SystemTime,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("used", &self.used).finish_non_exhaustive()
    }
}

/// The result of sending one record.
enum SendResult {
    Stored,
    /// It reached no broker, and may be sent again without being doubled.
    Unsent(KrafkaError),
    /// Sending it again would not help, or might double it.
    Lost(KrafkaError),
}

impl KafkaProducer {
    /// A producer that connects when it first sends.
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk, client: Mutex::new(None) }
    }

    /// Connects now, so that a bad setting fails a start and not the first record.
    pub async fn connect(settings: ClusterSettings, sdk: SdkConfig) -> Result<Self, ConnectError> {
        let producer = Self::new(settings, sdk);
        let client = producer.open().await?;
        *producer.client.lock().await = Some(client);
        Ok(producer)
    }

    /// Sends all records to `topic` and returns when each is acknowledged, or at the deadline with an error that says
    /// which are not.
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
            let results = send(&client.producer, topic, &pending, deadline).await;
            client.used = SystemTime::now();
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
                // A client that failed once is not trusted again, and what it still holds must not leave later.
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

    /// The client at hand, or a new one: when there is none, and when the old one has been idle for so long that the
    /// sandbox may have been frozen.
    async fn ready<'a>(
        &self,
        slot: &'a mut Option<Client>,
        deadline: Instant,
    ) -> Result<&'a mut Client, ConnectError> {
        let idle = |client: &Client| client.used.elapsed().is_ok_and(|idle| idle > IDLE);
        if slot.as_ref().is_some_and(idle) {
            discard(slot).await;
        }
        let client = match slot.take() {
            Some(client) => client,
            None => self.reach(deadline).await?,
        };
        Ok(slot.insert(client))
    }

    /// Connects, trying again until the deadline.
    async fn reach(&self, deadline: Instant) -> Result<Client, ConnectError> {
        let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
        loop {
            // A broker that swallows packets must not hold the caller past its deadline.
            // Boxed: connecting is rare, and its future is deep and large.
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

    async fn open(&self) -> Result<Client, ConnectError> {
        let kafka = connect(&self.settings, &self.sdk, CALLER).await?;
        let producer = kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .batch_size(BATCH)
            // Records that are queued together travel together anyway: sending begins when the queue is polled.
            .linger(Duration::ZERO)
            .delivery_timeout(DELIVERY)
            .max_block(BLOCK.max(CALLER.request))
            .metrics_push(false)
            .build()
            .await
            .map_err(|source| ConnectError::Connect { servers: self.settings.cluster.to_string(), source })?;
        Ok(Client { producer, used: SystemTime::now() })
    }
}

/// Queues all records, then waits for each answer. The results come in the order of the records.
async fn send(
    producer: &Producer,
    topic: &str,
    records: &[(usize, OutgoingRecord)],
    deadline: Instant,
) -> Vec<SendResult> {
    let mut queued = Vec::with_capacity(records.len());
    let mut refused: Option<KrafkaError> = None;
    for (_, record) in records {
        // What comes after a record that could not be queued would overtake it.
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

/// Ends a client without waiting for what it holds.
async fn discard(slot: &mut Option<Client>) {
    if let Some(client) = slot.take() {
        let close = client.producer.close_with(CloseOptions::new().timeout(Duration::from_millis(1)));
        if let Err(error) = close.await {
            tracing::debug!(%error, "a producer was discarded");
        }
    }
}
