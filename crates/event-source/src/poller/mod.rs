//! One event poller: records in, batches out, at most one on its way, as a state machine.
//!
//! The caller passes the time in and carries the steps out:
//!
//! 1. [`Poller::offer`] every record that the consumer reads, partition by partition in order, and [`Poller::advance`]
//!    to where the consumer is in each partition;
//! 2. [`Poller::step`] says what to do now; an invocation or a give-up that it orders must be answered by
//! 3. [`Poller::finish`] with what came of it;
//! 4. [`Poller::progress`] says which offsets may be committed: those below which everything was handled or given up.
//!
//! A batch that waits for a retry holds its partitions back, and only those: the others go on. Retries of one
//! partition leave in the order of its offsets.
//!
//! What is decided here where AWS's documentation is silent: bisecting a batch is no retry (each half keeps the
//! count), a batch of one record is what retries are counted on in the end; an invocation that could not be made at
//! all (Lambda away, throttled) is no retry either; a record beyond the payload limit by itself can never be
//! delivered, so it is given up instead of blocking its partition until retention.

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

/// A batch to deliver. Records of one partition are in the order of their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The records, never none.
    pub records: Vec<Record>,
    /// 1 for the first delivery of these records; of a [`GivenUp`] one, how often they were delivered.
    pub attempt: u32,
}

/// Why records were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiveUpReason {
    /// The function failed once more than the retry limit allows; its last error.
    RetriesExhausted(String),
    /// The records were older than the mapping's limit.
    TooOld,
    /// The record does not fit into an event.
    TooLarge,
}

/// Records that are delivered no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The records.
    pub batch: Arc<Batch>,
    /// Why.
    pub reason: GiveUpReason,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Invoke the function with this batch, then call [`Poller::finish`].
    Invoke(Arc<Batch>),
    /// Write this to the failure destination, or drop it with an error in the log, then call [`Poller::finish`].
    GiveUp(GivenUp),
    /// Nothing before this time, unless records arrive.
    WaitUntil(i64),
    /// Nothing until records arrive.
    Idle,
    /// Nothing until [`Poller::finish`] was called.
    Busy,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every record was handled, or the give-up is safe at its destination.
    Handled,
    /// The function failed, with this error.
    Failed(String),
    /// The function handled all records but these (partition, offset).
    Reported(BTreeSet<(i32, i64)>),
    /// The function was not reached: try again without counting it.
    Unavailable(String),
}

/// How a step ended, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Finished {
    /// Handled by the function.
    pub handled: usize,
    /// Will be delivered again.
    pub to_retry: usize,
    /// Will be given up next.
    pub to_give_up: usize,
    /// Were given up.
    pub given_up: usize,
}

/// The state machine of one event poller.
#[derive(Debug)]
pub struct Poller {
    rules: Rules,
    buffer: Buffer,
    /// Cut batches that wait, in the order in which their partitions must see them.
    waiting: VecDeque<Work>,
    flight: Option<Work>,
}

impl Poller {
    /// A poller without records.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, buffer: Buffer::default(), waiting: VecDeque::new(), flight: None }
    }

    /// Takes a record in. Records of a partition come in the order of their offsets; a lower one than before means
    /// that the partition's log was rewound, and everything read of it before is forgotten.
    pub fn offer(&mut self, record: Record, now_ms: i64) {
        let bytes = record.event_bytes(&self.rules.topic);
        self.buffer.push(record, bytes, now_ms);
    }

    /// Says that the consumer has read a partition up to `next`. What lies below it and was not offered holds no record
    /// to deliver (a transaction's marker, an aborted record, one that Kafka compacted away or deleted), and does not
    /// keep the progress back.
    pub fn advance(&mut self, partition: i32, next: i64) {
        self.buffer.advance(partition, next);
    }

    /// Forgets a partition that was taken away. What is on its way of it no longer counts.
    pub fn revoke(&mut self, partition: i32) {
        self.buffer.partitions.remove(&partition);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().filter_map(|work| self.current(work)).collect();
    }

    /// For every partition, the records and bytes that are in no batch yet: what the caller's back-pressure goes by.
    pub fn buffered(&self) -> impl Iterator<Item = (i32, usize, usize)> {
        self.buffer
            .partitions
            .iter()
            .map(|(number, partition)| (*number, partition.queue.len(), partition.bytes))
    }

    /// Whether it has nothing to do and nothing to wait for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none()
            && self.waiting.is_empty()
            && self.buffer.partitions.values().all(|partition| partition.queue.is_empty())
    }

    /// The partitions of which nothing is on its way and nothing waits for a retry, with their records: another poller could
    /// have them.
    pub fn movable(&self) -> impl Iterator<Item = (i32, usize)> {
        let bound = |number: &i32| {
            self.waiting.iter().chain(&self.flight).any(|work| work.spans.contains_key(number))
        };
        let partitions = self.buffer.partitions.iter();
        partitions
            .filter(move |(number, _)| !bound(number))
            .map(|(number, partition)| (*number, partition.queue.len()))
    }

    /// Gives a [`Poller::movable`] partition to another poller.
    pub fn move_to(&mut self, partition: i32, other: &mut Self) {
        if let Some(moved) = self.buffer.take(partition) {
            other.buffer.put(partition, moved);
        }
    }

    /// The partitions that wait for a retry.
    #[must_use]
    pub fn held(&self) -> BTreeSet<i32> {
        self.waiting.iter().flat_map(|work| work.spans.keys().copied()).collect()
    }

    /// Whether a step is being carried out.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.flight.is_some()
    }

    /// For every partition, the offset that may be committed: everything below it was handled or given up.
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

    /// What to do now. An order ([`Step::Invoke`], [`Step::GiveUp`]) is given once.
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

    /// Puts a piece of work on its way. Of one that holds records beyond the age limit, those go first, to be given
    /// up; the rest waits at its place, `index`.
    fn start(&mut self, mut work: Work, index: usize, now_ms: i64) -> Step {
        if work.doomed.is_none() {
            if let Some(limit) = self.rules.maximum_record_age_ms {
                // A negative timestamp is none: such a record has no age.
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

    fn exceeds_payload(&self, work: &Work) -> bool {
        let [record] = work.records.records.as_slice() else { return false };
        record.event_bytes(&self.rules.topic) + self.rules.partition_bytes() > self.rules.room()
    }

    /// Says what came of the step that is being carried out. Without one, nothing happens.
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
            // A give-up that did not reach its destination is tried again for ever: the records are in no other place.
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

    /// Counts a failure, which may have been the last that was allowed.
    fn failed(&self, mut work: Work, error: &str) -> Work {
        work.failures += 1;
        if self.rules.maximum_retries.is_some_and(|limit| work.failures > limit) {
            work.doomed = Some(GiveUpReason::RetriesExhausted(error.to_owned()));
            work.not_before_ms = 0;
        }
        work
    }

    /// The work without the records of partitions that were taken away, or whose log was rewound, since it was cut.
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
