//! One event poller as a state machine: it takes records and produces batches, with at most one batch in flight.
//!
//! The caller passes the time and executes the steps:
//!
//! 1. Call [`Poller::offer`] for every record that the consumer reads, in the order of each partition, and
//!    [`Poller::advance`] with the consumer's position in each partition.
//! 2. Call [`Poller::step`] to get the next step.
//! 3. After an invocation or a give-up, call [`Poller::finish`] with its outcome.
//! 4. Call [`Poller::progress`] to get the offsets that may be committed: everything below them was handled or given
//!    up.
//!
//! A batch that waits for a retry blocks its own partitions; the other partitions continue. Retries of a partition are
//! delivered in the order of its offsets.
//!
//! Where the AWS documentation says nothing, this module decides:
//!
//! - Bisecting a batch is not a retry. Both halves keep the count of the whole, so retries are finally counted for a
//!   single record.
//! - An invocation that could not be made (Lambda is away or throttles) is not a retry.
//! - A record that is larger than the payload limit can never be delivered. It is given up, because otherwise it
//!   would block its partition until Kafka deletes it.

mod buffer;
mod rules;
mod work;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "offsets and partitions of a test are small and not negative"
)]
mod proptests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use rules::{Backoff, PAYLOAD_LIMIT, Rules};

use crate::Record;
use buffer::Buffer;
use work::Work;

/// A batch to deliver. The records of each partition are in the order of their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The records; at least one.
    pub records: Vec<Record>,
    /// The number of this delivery, from 1. In a [`GivenUp`] batch, the number of deliveries that were made.
    pub attempt: u32,
}

/// Why records were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiveUpReason {
    /// The function failed more often than the retry limit allows; holds its last error.
    RetriesExhausted(String),
    /// The records are older than the mapping's limit.
    TooOld,
    /// The record is larger than an event may be.
    TooLarge,
}

/// Records that are not delivered any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The records.
    pub batch: Arc<Batch>,
    /// Why the records were given up.
    pub reason: GiveUpReason,
}

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Invoke the function with this batch, then call [`Poller::finish`].
    Invoke(Arc<Batch>),
    /// Write the records to the failure destination, or drop them and log an error, then call [`Poller::finish`].
    GiveUp(GivenUp),
    /// Wait until this time (milliseconds since the Unix epoch) or until records arrive.
    WaitUntil(i64),
    /// Wait until records arrive.
    Idle,
    /// Wait until [`Poller::finish`] is called: a step is being executed.
    Busy,
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function handled all records, or the given-up records were written to their destination.
    Handled,
    /// The function failed with this error.
    Failed(String),
    /// The function handled all records except these (partition, offset).
    Reported(BTreeSet<(i32, i64)>),
    /// The function or the destination could not be reached. The step is repeated, and this does not count as a retry.
    Unavailable(String),
}

/// The effect of a finished step, in numbers of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Finished {
    /// Records that the function handled.
    pub handled: usize,
    /// Records that will be delivered again.
    pub to_retry: usize,
    /// Records that will be given up in a next step.
    pub to_give_up: usize,
    /// Records that were given up.
    pub given_up: usize,
}

/// The state machine of one event poller.
#[derive(Debug)]
pub struct Poller {
    /// The limits of the mapping.
    rules: Rules,
    /// The records that are not in a batch yet.
    buffer: Buffer,
    /// Batches that wait for a retry, a give-up or their first delivery, in the order of delivery within each
    /// partition.
    waiting: VecDeque<Work>,
    /// The batch whose step is being executed.
    flight: Option<Work>,
}

impl Poller {
    /// Creates a poller without records.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, buffer: Buffer::default(), waiting: VecDeque::new(), flight: None }
    }

    /// Adds a record. Records of a partition must come in the order of their offsets. If an offset is lower than an
    /// earlier one, the partition's log was rewound, and the poller drops all earlier records of the partition.
    pub fn offer(&mut self, record: Record, now_ms: i64) {
        let bytes = record.event_bytes(&self.rules.topic);
        self.buffer.push(record, bytes, now_ms);
    }

    /// Sets the consumer's position in a partition. Offsets below `next` that were not offered have no record to
    /// deliver (a transaction marker, an aborted record, or a record that Kafka compacted or deleted). They do not hold
    /// back the progress.
    pub fn advance(&mut self, partition: i32, next: i64) {
        self.buffer.advance(partition, next);
    }

    /// Removes a revoked partition. The outcome of its records in flight is ignored.
    pub fn revoke(&mut self, partition: i32) {
        self.buffer.partitions.remove(&partition);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().filter_map(|work| self.current(work)).collect();
    }

    /// For each partition: its number, and the number and bytes of the records that are not in a batch yet. The caller
    /// uses them for back-pressure.
    pub fn buffered(&self) -> impl Iterator<Item = (i32, usize, usize)> {
        self.buffer
            .partitions
            .iter()
            .map(|(number, partition)| (*number, partition.queue.len(), partition.bytes))
    }

    /// Whether the poller has no records and no batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none()
            && self.waiting.is_empty()
            && self.buffer.partitions.values().all(|partition| partition.queue.is_empty())
    }

    /// The partitions that can move to another poller, each with its number of records. None of their records is in
    /// flight or waits for a retry.
    pub fn movable(&self) -> impl Iterator<Item = (i32, usize)> {
        let bound = |number: &i32| {
            self.waiting.iter().chain(&self.flight).any(|work| work.spans.contains_key(number))
        };
        let partitions = self.buffer.partitions.iter();
        partitions
            .filter(move |(number, _)| !bound(number))
            .map(|(number, partition)| (*number, partition.queue.len()))
    }

    /// Moves a [`Poller::movable`] partition to another poller.
    pub fn move_to(&mut self, partition: i32, other: &mut Self) {
        if let Some(moved) = self.buffer.take(partition) {
            other.buffer.put(partition, moved);
        }
    }

    /// The partitions of waiting batches.
    #[must_use]
    pub fn held(&self) -> BTreeSet<i32> {
        self.waiting.iter().flat_map(|work| work.spans.keys().copied()).collect()
    }

    /// Whether a step is being executed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.flight.is_some()
    }

    /// For each partition, the offset that may be committed: everything below it was handled or given up.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<i32, i64> {
        let mut progress: BTreeMap<i32, i64> = self
            .buffer
            .partitions
            .iter()
            .map(|(number, partition)| {
                let next = partition.queue.front().map_or(partition.end, |front| front.record.offset);
                (*number, next)
            })
            .collect();
        for work in self.waiting.iter().chain(&self.flight) {
            for (number, span) in &work.spans {
                if self.buffer.generation(*number) == Some(span.generation)
                    && let Some(next) = progress.get_mut(number)
                {
                    *next = span.first.min(*next);
                }
            }
        }
        progress
    }

    /// Returns the next step. [`Step::Invoke`] and [`Step::GiveUp`] are returned once and must be finished with
    /// [`Poller::finish`].
    pub fn step(&mut self, now_ms: i64) -> Step {
        if self.flight.is_some() {
            return Step::Busy;
        }
        let mut held = BTreeSet::new();
        let mut wake = i64::MAX;
        for index in 0..self.waiting.len() {
            let work = &self.waiting[index];
            if !work.touches(&held) {
                if work.not_before_ms <= now_ms {
                    if let Some(work) = self.waiting.remove(index) {
                        return self.start(work, index, now_ms);
                    }
                    break;
                }
                wake = wake.min(work.not_before_ms);
            }
            held.extend(work.spans.keys());
        }
        if let Some(fill) = self.buffer.fill(&held, &self.rules) {
            let closes = fill.oldest_ms.saturating_add(self.rules.window_ms);
            if fill.records >= self.rules.batch_size || fill.bytes >= self.rules.room() || closes <= now_ms {
                let records = self.buffer.cut(&held, &self.rules);
                let buffer = &self.buffer;
                let work = Work::new(records, |partition| buffer.generation(partition).unwrap_or(0));
                return self.start(work, self.waiting.len(), now_ms);
            }
            wake = wake.min(closes);
        }
        if wake == i64::MAX { Step::Idle } else { Step::WaitUntil(wake) }
    }

    /// Starts a batch. If some of its records are beyond the age limit, those are given up first, and the rest waits at
    /// `index`.
    fn start(&mut self, mut work: Work, index: usize, now_ms: i64) -> Step {
        if work.doomed.is_none() {
            if let Some(limit) = self.rules.maximum_record_age_ms {
                // A negative timestamp means "no timestamp", so the record has no age.
                let too_old = |record: &Record| {
                    record.timestamp_ms >= 0 && now_ms.saturating_sub(record.timestamp_ms) > limit
                };
                if let Some(mut old) = work.only(too_old) {
                    old.doomed = Some(GiveUpReason::TooOld);
                    if let Some(rest) = work.only(|record| !too_old(record)) {
                        self.waiting.insert(index.min(self.waiting.len()), rest);
                    }
                    work = old;
                }
            }
            if work.doomed.is_none() && self.exceeds_payload(&work) {
                work.doomed = Some(GiveUpReason::TooLarge);
            }
        }
        let step = match work.doomed.clone() {
            Some(reason) => {
                let batch = Arc::new(Batch { records: work.records.records.clone(), attempt: work.attempts });
                Step::GiveUp(GivenUp { batch, reason })
            }
            None => Step::Invoke(work.batch()),
        };
        self.flight = Some(work);
        step
    }

    /// Whether the batch is a single record that is larger than an event may be.
    fn exceeds_payload(&self, work: &Work) -> bool {
        let [record] = work.records.records.as_slice() else { return false };
        record.event_bytes(&self.rules.topic) + self.rules.partition_bytes() > self.rules.room()
    }

    /// Reports the outcome of the step that is being executed. Does nothing if there is no such step.
    pub fn finish(&mut self, outcome: Outcome, now_ms: i64) -> Finished {
        let Some(flight) = self.flight.take() else { return Finished::default() };
        let doomed = flight.doomed.is_some();
        let Some(mut work) = self.current(flight) else {
            return Finished::default();
        };
        let total = work.len();
        work.tries += 1;
        work.not_before_ms = now_ms.saturating_add(self.rules.backoff.after(work.tries));
        let retries = match outcome {
            Outcome::Handled => Vec::new(),
            Outcome::Unavailable(_) => vec![work],
            // A give-up that did not reach its destination is repeated without limit: the records are stored nowhere
            // else.
            Outcome::Failed(_) | Outcome::Reported(_) if doomed => vec![work],
            Outcome::Failed(_) if self.rules.bisect && work.len() > 1 => work.halves().into(),
            Outcome::Failed(error) => vec![self.failed(work, &error)],
            Outcome::Reported(reported) => work
                .only(|record| reported.contains(&(record.partition, record.offset)))
                .map(|work| self.failed(work, "the function reported these records as failed"))
                .into_iter()
                .collect(),
        };
        let mut finished = Finished::default();
        for work in retries.into_iter().rev() {
            let count = if work.doomed.is_some() { &mut finished.to_give_up } else { &mut finished.to_retry };
            *count += work.len();
            self.waiting.push_front(work);
        }
        let done = total.saturating_sub(finished.to_retry + finished.to_give_up);
        *(if doomed { &mut finished.given_up } else { &mut finished.handled }) = done;
        finished
    }

    /// Counts a failure. If the retry limit is exceeded, the batch will be given up.
    fn failed(&self, mut work: Work, error: &str) -> Work {
        work.failures += 1;
        if self.rules.maximum_retries.is_some_and(|limit| work.failures > limit) {
            work.doomed = Some(GiveUpReason::RetriesExhausted(error.to_owned()));
            work.not_before_ms = 0;
        }
        work
    }

    /// Removes the records of partitions that were revoked or rewound after the batch was cut. `None` if nothing
    /// remains.
    fn current(&self, work: Work) -> Option<Work> {
        let is_current = |partition: i32| {
            let span = work.spans.get(&partition).map(|span| span.generation);
            span.is_some() && self.buffer.generation(partition) == span
        };
        if work.spans.keys().all(|partition| is_current(*partition)) {
            return Some(work);
        }
        work.only(|record| is_current(record.partition))
    }
}
