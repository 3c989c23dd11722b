//! Records that were cut into a batch and are not done with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Batch, GiveUpReason};
use crate::Record;

/// One batch on its way: waiting for a retry, being invoked, or being given up.
#[derive(Debug)]
pub(super) struct Work {
    /// In the order of arrival, so in order inside each partition.
    pub(super) records: Arc<Batch>,
    /// Each partition's generation when the batch was cut, and its first offset in it.
    pub(super) spans: BTreeMap<i32, Span>,
    /// Failures that count towards the retry limit.
    pub(super) failures: u32,
    /// All failures in a row, for the pause.
    pub(super) tries: u32,
    /// Deliveries begun.
    pub(super) attempts: u32,
    pub(super) not_before_ms: i64,
    /// Set when the work is to be given up instead of delivered.
    pub(super) doomed: Option<GiveUpReason>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) generation: u64,
    pub(super) first: i64,
}

impl Work {
    pub(super) fn new(records: Vec<Record>, generation_of: impl Fn(i32) -> u64) -> Self {
        let mut spans = BTreeMap::new();
        let mut last = None;
        for record in &records {
            // Records come in runs of one partition: look each run up once.
            if last != Some(record.partition) {
                spans.entry(record.partition).or_insert_with(|| Span {
                    generation: generation_of(record.partition),
                    first: record.offset,
                });
                last = Some(record.partition);
            }
        }
        Self {
            records: Arc::new(Batch { records, attempt: 1 }),
            spans,
            failures: 0,
            tries: 0,
            attempts: 0,
            not_before_ms: 0,
            doomed: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.records.len()
    }

    pub(super) fn touches(&self, partitions: &BTreeSet<i32>) -> bool {
        self.spans.keys().any(|partition| partitions.contains(partition))
    }

    /// The same work with only those records that `keep` wants; `None` when there are none.
    pub(super) fn only(&self, keep: impl Fn(&Record) -> bool) -> Option<Self> {
        let records: Vec<_> = self.records.records.iter().filter(|record| keep(record)).cloned().collect();
        (!records.is_empty()).then(|| self.with(records))
    }

    /// The two halves of the work, in order.
    pub(super) fn halves(&self) -> [Self; 2] {
        let (front, back) = self.records.records.split_at(self.len() / 2);
        [self.with(front.to_vec()), self.with(back.to_vec())]
    }

    fn with(&self, records: Vec<Record>) -> Self {
        let mut part =
            Self::new(records, |partition| self.spans.get(&partition).map_or(0, |span| span.generation));
        part.failures = self.failures;
        part.tries = self.tries;
        part.attempts = self.attempts;
        part.not_before_ms = self.not_before_ms;
        part.doomed.clone_from(&self.doomed);
        part
    }

    /// The batch to deliver now, with its attempt counted.
    pub(super) fn batch(&mut self) -> Arc<Batch> {
        self.attempts += 1;
        if self.records.attempt != self.attempts {
            let records = self.records.records.clone();
            self.records = Arc::new(Batch { records, attempt: self.attempts });
        }
        Arc::clone(&self.records)
    }
}
