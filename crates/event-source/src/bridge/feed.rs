//! Polls the Kafka consumer and sends its records and rebalances to the session, in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka::TopicId;
use krafka::consumer::{Consumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition};
use tokio::sync::{Notify, mpsc, oneshot};

use super::journal::Journal;
use super::start::StartingPoint;
use super::status::MappingBoard;

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(500);

/// How long one poll waits while a partition is paused because its poller is full. The poller soon has room again, but
/// the client sends the next fetch only after the current one ends. A long wait for records of other partitions would
/// delay the paused partition.
const SHORT_POLL: Duration = Duration::from_millis(50);

/// How often an idle consumer checks the topic's id and number of partitions.
const IDENTITY: Duration = Duration::from_secs(2);

/// How often a consumer checks them if every poll returns records.
const BUSY_IDENTITY: Duration = Duration::from_secs(8);

/// How long polling may pause because there is no room for records. The limit exists because only polling keeps the
/// group membership alive.
const REST: Duration = Duration::from_secs(2);

/// The session ends if polls have failed for this long.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a session ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The bridge stops.
    Stopped,
    /// The topic does not exist.
    NoTopic,
    /// The topic was deleted and created again.
    Recreated,
    /// The client or one of the session's tasks failed.
    Failed(String),
}

/// A message from the feed to the session.
pub(super) enum Event {
    /// Records, or new positions without records.
    Records(Read),
    /// Partitions are being revoked. They are released when `done` is answered; until then the session can finish
    /// batches and commit.
    Revoked { partitions: Vec<i32>, done: oneshot::Sender<()> },
    /// Partitions already belong to another member; their offsets can no longer be committed.
    Lost(Vec<i32>),
    /// A poll or an offset lookup failed; it is retried.
    PollFailed(String),
    /// The last message of a feed.
    Ended(Ended),
}

/// The result of a poll.
pub(super) struct Read {
    /// The records, in the order of their offsets within each partition.
    pub(super) records: Vec<ConsumerRecord>,
    /// The consumer's next offset in each partition. It is after the records, and also after offsets without a record,
    /// such as transaction markers.
    pub(super) positions: BTreeMap<i32, i64>,
}

/// Back-pressure, from the session to the feed.
#[derive(Debug, Default)]
pub(super) struct Valve {
    state: Mutex<ValveState>,
    /// Notified when the state changes.
    changed: Notify,
}

/// What the feed may read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ValveState {
    /// No poller has room for more records.
    pub(super) closed: bool,
    /// Partitions that have enough records waiting. They are paused so that the other partitions can be read.
    pub(super) stalled: Vec<i32>,
}

impl Valve {
    /// Replaces the state and wakes the feed if it has changed.
    pub(super) fn set(&self, state: ValveState) {
        let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != state {
            *current = state;
            self.changed.notify_one();
        }
    }

    fn get(&self) -> ValveState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends rebalances to the session, in order with the records.
pub(super) struct Listener {
    pub(super) events: mpsc::Sender<Event>,
    /// Seeks new partitions to their first offset.
    pub(super) start: Arc<StartingPoint>,
}

impl ConsumerRebalanceListener for Listener {
    // Called before the first poll of the new partitions.
    async fn on_partitions_assigned(&self, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        // A partition must not be read before its start is known, so this retries until it is known or the session
        // ends.
        while let Err(error) = self.start.seek(partitions).await {
            let told = self.events.send(Event::PollFailed(format!("starting position: {error}"))).await;
            if told.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    // The client gives the partitions away when this returns.
    async fn on_partitions_revoked(&self, partitions: &[TopicPartition]) {
        let (done, finished) = oneshot::channel();
        let partitions = partitions.iter().map(|partition| partition.partition).collect();
        if self.events.send(Event::Revoked { partitions, done }).await.is_ok() {
            // An error means that the session is over.
            let _ = finished.await;
        }
    }

    async fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        let partitions = partitions.iter().map(|partition| partition.partition).collect();
        // An error means that the session is over.
        let _ = self.events.send(Event::Lost(partitions)).await;
    }
}

/// The task that reads one topic for one session.
pub(super) struct Feed {
    pub(super) consumer: Arc<Consumer>,
    pub(super) topic: String,
    /// The topic's id when the session began. Another id means that the topic was created again.
    pub(super) topic_id: TopicId,
    /// The number of the topic's partitions when the consumer joined the group.
    pub(super) partitions: usize,
    pub(super) events: mpsc::Sender<Event>,
    /// Tells the feed whether the session has room.
    pub(super) valve: Arc<Valve>,
    /// Detects skipped offsets.
    pub(super) journal: Journal,
    pub(super) status: MappingBoard,
}

impl Feed {
    /// Polls until the session ends.
    pub(super) async fn run(mut self) {
        let mut asked = Instant::now();
        let mut failing_since: Option<Instant> = None;
        let mut paused = Vec::new();
        let mut positions = BTreeMap::new();
        loop {
            if asked.elapsed() >= BUSY_IDENTITY {
                asked = Instant::now();
                if let Err(ended) = self.look(&mut paused).await {
                    self.tell(Event::Ended(ended)).await;
                    return;
                }
            }
            if self.apply(&mut paused).await {
                // All partitions are paused, so this poll returns no records and only keeps the membership alive.
                let all = self.assigned().await;
                self.consumer.pause(&self.topic, &all).await;
                let kept = self.consumer.poll(Duration::ZERO).await;
                let open: Vec<i32> =
                    all.into_iter().filter(|partition| !paused.contains(partition)).collect();
                self.consumer.resume(&self.topic, &open).await;
                let Ok(records) = kept else { continue };
                let event = self.read(records).await.map_or_else(Event::Ended, Event::Records);
                let over = matches!(event, Event::Ended(_));
                if !self.tell(event).await || over {
                    return;
                }
                continue;
            }
            let wait = if paused.is_empty() { POLL } else { SHORT_POLL };
            let event = match self.consumer.poll(wait).await {
                Ok(records) => {
                    failing_since = None;
                    let idle = records.is_empty();
                    // An idle consumer may have passed transaction markers, so new positions are sent even without
                    // records.
                    if idle && asked.elapsed() < IDENTITY && self.positions().await == positions {
                        continue;
                    }
                    let looked = if idle {
                        asked = Instant::now();
                        self.look(&mut paused).await
                    } else {
                        self.identity(false).await.map(drop)
                    };
                    match looked {
                        Ok(()) => self.read(records).await.map_or_else(Event::Ended, |read| {
                            positions.clone_from(&read.positions);
                            Event::Records(read)
                        }),
                        Err(ended) => Event::Ended(ended),
                    }
                }
                Err(error) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE || error.is_fatal() {
                        Event::Ended(Ended::Failed(error.to_string()))
                    } else if let Err(ended) = self.identity(true).await {
                        Event::Ended(ended)
                    } else {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Event::PollFailed(error.to_string())
                    }
                }
            };
            let over = matches!(event, Event::Ended(_));
            if !self.tell(event).await || over {
                return;
            }
        }
    }

    /// Sends a message. Returns `false` if the session has ended.
    async fn tell(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// The consumer's next offset in each partition.
    async fn positions(&self) -> BTreeMap<i32, i64> {
        let known = self.consumer.lag().await.into_iter();
        known
            .filter(|(partition, _)| partition.topic == self.topic)
            .filter_map(|(partition, lag)| Some((partition.partition, lag.position?)))
            .collect()
    }

    /// Converts the records of a poll. Detects skipped offsets: if Kafka deleted records before they were read, the
    /// client continues at the oldest record without an error.
    async fn read(&self, records: Vec<ConsumerRecord>) -> Result<Read, Ended> {
        let positions = self.positions().await;
        let mut firsts = BTreeMap::new();
        for record in &records {
            firsts.entry(record.partition).or_insert(record.offset);
        }
        for (&partition, &position) in &positions {
            let first = firsts.get(&partition).copied().unwrap_or(position);
            if let Some(gap) = self.journal.gap(partition, first) {
                // If this request fails, the session ends before anything after the gap is committed. The next session
                // detects the gap again.
                let (beginning, _) = self.consumer.fetch_watermarks(&self.topic, partition).await?;
                let lost = gap.start..gap.end.min(beginning);
                if !lost.is_empty() {
                    tracing::error!(topic = %self.topic, partition, first = lost.start, last = lost.end - 1,
                        "records were lost: Kafka deleted them before they were read");
                    self.status.skipped(&lost);
                    self.journal.lost(partition, lost);
                    self.status.lost(partition, &self.journal.mark(partition));
                }
            }
            self.journal.read(partition, first, position);
        }
        Ok(Read { records, positions })
    }

    /// Waits while there is no room, at most [`REST`]. Then pauses the stalled partitions and resumes the others.
    /// Returns `true` if there is still no room.
    async fn apply(&self, paused: &mut Vec<i32>) -> bool {
        let rested = tokio::time::timeout(REST, async {
            while self.valve.get().closed {
                self.valve.changed.notified().await;
            }
        })
        .await;
        let wanted = self.valve.get().stalled;
        let (new, over): (Vec<i32>, Vec<i32>) = (
            wanted.iter().filter(|partition| !paused.contains(partition)).copied().collect(),
            paused.iter().filter(|partition| !wanted.contains(partition)).copied().collect(),
        );
        if !over.is_empty() {
            self.consumer.resume(&self.topic, &over).await;
        }
        if !new.is_empty() {
            self.consumer.pause(&self.topic, &new).await;
        }
        for partition in new {
            // The seek drops the partition's records from the client's buffer, to make room for other partitions. They
            // are fetched again after the partition is resumed.
            if let Some(position) = self.consumer.position(&self.topic, partition).await
                && let Err(error) = self.consumer.seek(&self.topic, partition, position).await
            {
                tracing::debug!(partition, %error, "a stalled partition was taken away");
            }
        }
        *paused = wanted;
        rested.is_err()
    }

    /// The topic's partitions that are assigned to this consumer.
    async fn assigned(&self) -> Vec<i32> {
        self.consumer.assignment().await.remove(&self.topic).unwrap_or_default()
    }

    /// Checks the topic at the broker. If it has more partitions than before, leaves the group and joins it again,
    /// because the client distributes partitions only when a member joins or leaves.
    async fn look(&mut self, paused: &mut Vec<i32>) -> Result<(), Ended> {
        let Some(partitions) = self.identity(true).await?.filter(|now| *now > self.partitions) else {
            return Ok(());
        };
        tracing::warn!(topic = %self.topic, before = self.partitions, now = partitions,
            "the topic has more partitions than before: joining the group again to read them");
        self.partitions = partitions;
        paused.clear();
        self.consumer.unsubscribe().await?;
        self.consumer.subscribe([self.topic.as_str()]).await?;
        Ok(())
    }

    /// The number of the topic's partitions, or `None` if it is not known. Returns an error if the topic no longer
    /// exists or has another id than at the start of the session. With `fresh`, asks the broker instead of the client's
    /// cache.
    async fn identity(&self, fresh: bool) -> Result<Option<usize>, Ended> {
        let topic = fresh.then_some(self.topic.as_str());
        // If the broker does not answer, nothing is known about the topic.
        let Ok(metadata) = self.consumer.fetch_metadata(topic).await else { return Ok(None) };
        match metadata.topics.iter().find(|topic| topic.name == self.topic) {
            Some(topic) if topic.topic_id == self.topic_id => Ok(Some(topic.partitions.len())),
            Some(_) => Err(Ended::Recreated),
            None => Err(Ended::NoTopic),
        }
    }
}
