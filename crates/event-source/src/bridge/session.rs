//! One membership of the consumer group, from joining to leaving.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka::TopicId;
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, IsolationLevel};
use krafka::{CloseOptions, GroupMembershipOperation, Kafka, KrafkaError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::Lane;
use super::clock::Clock;
use super::commit::{commit, keep_committed};
use super::feed::{Ended, Event, Feed, Listener, Read, Valve, ValveState};
use super::journal::Journal;
use super::owners::Owners;
use super::start::StartingPoint;
use crate::{Outcome, PAYLOAD_LIMIT, Poller, Record, Rules, Step};

/// A member that sends no heartbeat for this long is removed from the group. 6 s is the shortest time-out that brokers
/// allow by default (`group.min.session.timeout.ms`).
const SESSION: Duration = Duration::from_secs(6);

/// How long an orderly stop waits for batches in flight. A batch that takes longer is delivered again by the next
/// session.
const FAREWELL: Duration = Duration::from_secs(20);

/// How long a revocation waits for batches in flight. The rest of the group must not wait for a slow function; the
/// partition's next owner delivers such a batch again.
const REVOCATION: Duration = Duration::from_secs(4);

/// The largest number of fetched records in the client's buffer.
const BUFFERED: i32 = 20_000;
/// The largest number of records that one poll returns.
const POLLED: i32 = 10_000;

impl From<KrafkaError> for Ended {
    fn from(error: KrafkaError) -> Self {
        match error {
            KrafkaError::UnknownTopic { .. } => Self::NoTopic,
            KrafkaError::Broker { code: krafka::error::ErrorCode::UnknownTopicOrPartition, .. } => {
                Self::NoTopic
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

pub(super) struct Session<'a> {
    lane: &'a Lane,
    consumer: Arc<Consumer>,
    /// Shared with the feed and the committer.
    journal: Journal,
    clock: Clock,
    rules: Rules,
    pollers: Vec<Poller>,
    owners: Owners,
    /// The running deliveries; each returns the index of its poller.
    flights: JoinSet<(usize, Outcome)>,
    events: mpsc::Receiver<Event>,
    valve: Arc<Valve>,
    feed: JoinHandle<()>,
    /// The offsets that may be committed, by partition; read by the committer.
    progress: watch::Sender<BTreeMap<i32, i64>>,
    committer: JoinHandle<()>,
    /// Revocations that wait for batches in flight.
    leaving: Vec<(Vec<i32>, oneshot::Sender<()>)>,
    /// When the waiting revocations are answered at the latest.
    leave_by: Option<Instant>,
}

impl<'a> Session<'a> {
    /// Connects and subscribes. The first poll joins the group.
    pub(super) async fn open(lane: &'a Lane, rules: &Rules) -> Result<Self, Ended> {
        let mapping = &lane.mapping;
        let kafka = Kafka::builder(lane.config.bootstrap_servers.as_str())
            .client_id(format!("event-source-{}", mapping.function_name))
            .metadata_max_age(Duration::from_secs(10))
            .connect()
            .await?;
        let (topic_id, partitions) = identity(&kafka, &mapping.topic).await?;
        let journal = Journal::new(topic_id);
        let start = Arc::new(StartingPoint {
            consumer: OnceLock::new(),
            admin: kafka.admin(),
            group: mapping.consumer_group.clone(),
            topic: mapping.topic.clone(),
            topic_id,
            start_at_ms: mapping.start_at_ms(),
            journal: journal.clone(),
            status: lane.status.clone(),
        });
        let (events, received) = mpsc::channel(1);
        let mut builder = kafka
            .consumer(mapping.consumer_group.as_str())
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .isolation_level(IsolationLevel::ReadCommitted)
            .enable_auto_commit(false)
            .session_timeout(SESSION)
            .heartbeat_interval(SESSION / 3)
            .max_poll_records(POLLED)
            .max_buffered_records(BUFFERED)
            .metrics_push(false)
            .rebalance_listener(Listener { events: events.clone(), start: Arc::clone(&start) });
        if let Some(name) = &lane.config.instance_id {
            builder = builder.group_instance_id(name.as_str());
        }
        let consumer = Arc::new(builder.build().await?);
        // The cell is set only here, so this cannot fail.
        let _ = start.consumer.set(Arc::downgrade(&consumer));
        consumer.subscribe([mapping.topic.as_str()]).await?;
        let valve = Arc::new(Valve::default());
        let feed = Feed {
            consumer: Arc::clone(&consumer),
            topic: mapping.topic.clone(),
            topic_id,
            partitions,
            events,
            valve: Arc::clone(&valve),
            journal: journal.clone(),
            status: lane.status.clone(),
        };
        let (progress, due) = watch::channel(BTreeMap::new());
        let committer = tokio::spawn(keep_committed(
            Arc::clone(&consumer),
            mapping.topic.clone(),
            journal.clone(),
            due,
            lane.status.clone(),
        ));
        Ok(Self {
            lane,
            consumer,
            journal,
            clock: Clock::new(),
            rules: rules.clone(),
            pollers: (0..lane.config.pollers.max(1)).map(|_| Poller::new(rules.clone())).collect(),
            owners: Owners::default(),
            flights: JoinSet::new(),
            events: received,
            valve,
            feed: tokio::spawn(feed.run()),
            progress,
            committer,
            leaving: Vec::new(),
            leave_by: None,
        })
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Ended {
        let ended = loop {
            let wake = self.start_steps();
            self.regulate();
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Ended(ended)) => break ended,
                    None => break Ended::Failed("the consumer's task ended".to_owned()),
                    Some(event) => self.take(event).await,
                },
                Some(done) = self.flights.join_next() => self.land(done).await,
                () = until(wake) => {}
                () = at(self.leave_by) => self.let_go().await,
                _ = stopped.changed() => break Ended::Stopped,
            }
        };
        // The session leaves the group unless it failed. A static member that stays would get its old partitions back,
        // which are wrong if the topic was created again with another number of partitions.
        let leave = !matches!(ended, Ended::Failed(_));
        self.close(leave).await;
        ended
    }

    /// Starts the next step of each poller. Returns the time until a poller has work again without a new event.
    fn start_steps(&mut self) -> Option<Duration> {
        // No batch is started while a revocation waits. Otherwise, with several pollers, there would always be a batch
        // in flight.
        if !self.leaving.is_empty() {
            return None;
        }
        self.owners.share(&mut self.pollers, self.rules.batch_size);
        let now = self.clock.now_ms();
        let mut wake: Option<i64> = None;
        for (index, poller) in self.pollers.iter_mut().enumerate() {
            match poller.step(now) {
                Step::Invoke(batch) => {
                    self.lane.status.invoking(batch.attempt);
                    let deliverer = self.lane.deliverer.clone();
                    self.flights.spawn(async move { (index, deliverer.invoke(batch).await) });
                }
                Step::GiveUp(given_up) => {
                    let deliverer = self.lane.deliverer.clone();
                    self.flights.spawn(async move { (index, deliverer.give_up(given_up).await) });
                }
                Step::WaitUntil(then) => wake = Some(wake.map_or(then, |earlier| earlier.min(then))),
                Step::Idle | Step::Busy => {}
            }
        }
        wake.map(|then| Duration::from_millis(u64::try_from(then - now).unwrap_or(0)))
    }

    /// Tells the feed whether there is room. Each poller buffers at most two batches.
    fn regulate(&self) {
        let (most_records, most_bytes) = (2 * self.rules.batch_size.max(500), 2 * PAYLOAD_LIMIT);
        let (mut stalled, mut room, mut any) = (Vec::new(), false, false);
        for poller in &self.pollers {
            let held = poller.held();
            let (mut records, mut bytes, mut free) = (0, 0, Vec::new());
            for (partition, queued, size) in poller.buffered() {
                any = true;
                if held.contains(&partition) && (queued >= most_records || size >= most_bytes) {
                    stalled.push(partition);
                } else {
                    records += queued;
                    bytes += size;
                    free.push(partition);
                }
            }
            if records >= most_records || bytes >= most_bytes {
                // This poller is full. Other pollers may have room, so only its own partitions are paused.
                stalled.extend(free);
            } else {
                // A poller without partitions does not count as room, because it receives no records.
                room |= poller.buffered().next().is_some();
            }
        }
        let closed = any && !room;
        let state = ValveState { closed, stalled: if closed { Vec::new() } else { stalled } };
        self.valve.set(state);
    }

    /// Handles one message of the feed.
    async fn take(&mut self, event: Event) {
        match event {
            Event::Records(Read { records, positions }) => {
                let now = self.clock.now_ms();
                for record in records {
                    let poller = self.poller_of(record.partition);
                    self.pollers[poller].offer(into_record(record), now);
                }
                for (partition, position) in positions {
                    let poller = self.poller_of(partition);
                    self.pollers[poller].advance(partition, position);
                }
                // Offsets without a record count as handled as soon as the consumer has passed them.
                self.progress.send_replace(self.current_progress());
            }
            Event::Revoked { partitions, done } => {
                self.leaving.push((partitions, done));
                self.leave_by.get_or_insert_with(|| Instant::now() + REVOCATION);
                if self.flights.is_empty() {
                    self.let_go().await;
                }
            }
            Event::Lost(partitions) => self.forget(&partitions),
            Event::PollFailed(error) => self.lane.status.failed(error),
            Event::Ended(_) => {}
        }
    }

    /// Handles the end of one delivery.
    async fn land(&mut self, done: Result<(usize, Outcome), tokio::task::JoinError>) {
        let Ok((index, outcome)) = done else {
            // The task panicked, so its poller is not known. The session ends, and its batches are delivered again.
            self.lane.status.failed("a delivery task ended without an outcome".to_owned());
            self.events.close();
            return;
        };
        if let Outcome::Failed(error) | Outcome::Unavailable(error) = &outcome {
            tracing::warn!(topic = %self.lane.mapping.topic, function = %self.lane.mapping.function_name, error,
                "a batch was not handled");
            self.lane.status.failed(error.clone());
        }
        let finished = self.pollers[index].finish(outcome, self.clock.now_ms());
        self.owners.release(&self.pollers);
        self.lane.status.finished(finished);
        self.progress.send_replace(self.current_progress());
        if self.flights.is_empty() && !self.leaving.is_empty() {
            self.let_go().await;
        }
    }

    /// Commits, and then releases the revoked partitions.
    async fn let_go(&mut self) {
        self.leave_by = None;
        if !self.flights.is_empty() {
            tracing::warn!(topic = %self.lane.mapping.topic, function = %self.lane.mapping.function_name,
                "partitions were revoked while a batch was in flight: it will be delivered again");
        }
        self.commit_now().await;
        for (partitions, done) in std::mem::take(&mut self.leaving) {
            self.forget(&partitions);
            // An error means that the feed has already ended.
            let _ = done.send(());
        }
    }

    fn forget(&mut self, partitions: &[i32]) {
        for partition in partitions {
            let poller = self.poller_of(*partition);
            self.pollers[poller].revoke(*partition);
        }
        self.owners.release(&self.pollers);
        self.lane.status.released(partitions);
        self.progress.send_replace(self.current_progress());
    }

    fn poller_of(&mut self, partition: i32) -> usize {
        self.owners.of(partition)
    }

    fn current_progress(&self) -> BTreeMap<i32, i64> {
        self.pollers.iter().flat_map(Poller::progress).collect()
    }

    /// Commits the current progress, within 5 s. A failure is logged: the batches are then delivered again.
    async fn commit_now(&self) {
        let progress = self.current_progress();
        if progress.is_empty() {
            return;
        }
        let committed = commit(&self.consumer, &self.lane.mapping.topic, &self.journal, &progress);
        match tokio::time::timeout(Duration::from_secs(5), committed).await {
            Ok(Ok(())) => self.lane.status.committed(&progress),
            Ok(Err(error)) => tracing::warn!(%error, "the last offsets were not committed"),
            Err(_) => tracing::warn!("the last offsets were not committed in time"),
        }
    }

    /// Finishes the batches in flight, commits and, with `leave`, leaves the group.
    async fn close(mut self, leave: bool) {
        // Unblocks a feed that is waiting to send an event, and revocations that wait for an answer.
        self.events.close();
        while self.events.try_recv().is_ok() {}
        self.leaving.clear();
        self.leave_by = None;
        let landed = tokio::time::timeout(FAREWELL, async {
            while let Some(done) = self.flights.join_next().await {
                self.land(done).await;
            }
        })
        .await;
        if landed.is_err() {
            tracing::warn!("a batch in flight was abandoned: it will be delivered again");
        }
        self.feed.abort();
        self.committer.abort();
        self.commit_now().await;
        let membership =
            if leave { GroupMembershipOperation::LeaveGroup } else { GroupMembershipOperation::Default };
        let options =
            CloseOptions::new().timeout(Duration::from_secs(5)).group_membership_operation(membership);
        if let Err(error) = self.consumer.close_with(options).await {
            tracing::debug!(%error, "the consumer did not close cleanly");
        }
    }
}

/// Ready after this time; never, if there is none.
async fn until(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A topic's id and the number of its partitions.
async fn identity(kafka: &Kafka, topic: &str) -> Result<(TopicId, usize), Ended> {
    let probe = kafka.consumer_without_group().metrics_push(false).build().await?;
    let metadata = probe.fetch_metadata(Some(topic)).await?;
    let found = metadata.topics.iter().find(|found| found.name == topic).ok_or(Ended::NoTopic)?;
    Ok((found.topic_id, found.partitions.len()))
}

fn into_record(record: ConsumerRecord) -> Record {
    Record {
        partition: record.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record
            .headers
            .into_iter()
            // Lambda's events cannot hold a null header value, so it becomes an empty list of bytes.
            .map(|(name, value)| (name, value.map(|value| value.to_vec()).unwrap_or_default()))
            .collect(),
    }
}
