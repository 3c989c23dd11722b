//! Batches that are not finished.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Batch, GiveUpReason};
use crate::Record;

/// One batch that waits for a delivery or a retry, is being delivered, or is being given up.
#[derive(Debug)]
pub(super) struct Work {
    /// The records in the order of arrival, and therefore in order within each partition.
    pub(super) records: Arc<Batch>,
    /// For each partition, its generation when the batch was cut and its first offset in the batch.
    pub(super) spans: BTreeMap<i32, Span>,
    /// The number of failures that count towards the retry limit.
    pub(super) failures: u32,
    /// The number of all consecutive failures; it decides the length of the pause.
    pub(super) tries: u32,
    /// The number of started deliveries.
    pub(super) attempts: u32,
    /// The batch is not delivered before this time.
    pub(super) not_before_ms: i64,
    /// Set if the batch must be given up instead of delivered.
    pub(super) doomed: Option<GiveUpReason>,
}

/// One partition of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The partition's generation when the batch was cut.
    pub(super) generation: u64,
    /// The lowest offset in the batch. The progress of the partition stays here until the batch is finished.
    pub(super) first: i64,
}

impl Work {
    /// A batch of new records. `generation_of` returns the current generation of a partition.
    pub(super) fn new(records: Vec<Record>, generation_of: impl Fn(i32) -> u64) -> Self {
        let mut spans = BTreeMap::new();
        let mut last = None;
        for record in &records {
            // Records come in runs of one partition, so one lookup per run is enough.
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

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.records.records.len()
    }

    /// Whether the batch has records of one of the partitions.
    pub(super) fn touches(&self, partitions: &BTreeSet<i32>) -> bool {
        self.spans.keys().any(|partition| partitions.contains(partition))
    }

    /// The same batch with only the records for which `keep` returns `true`; `None` if there are none.
    pub(super) fn only(&self, keep: impl Fn(&Record) -> bool) -> Option<Self> {
        let records: Vec<_> = self.records.records.iter().filter(|record| keep(record)).cloned().collect();
        (!records.is_empty()).then(|| self.with(records))
    }

    /// The two halves of the batch, in order. Both keep the counts.
    pub(super) fn halves(&self) -> [Self; 2] {
        let (front, back) = self.records.records.split_at(self.len() / 2);
        [self.with(front.to_vec()), self.with(back.to_vec())]
    }

    /// A part of the batch, with the same counts and generations.
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

    /// Counts a delivery and returns the batch with the new attempt number.
    pub(super) fn batch(&mut self) -> Arc<Batch> {
        self.attempts += 1;
        if self.records.attempt != self.attempts {
            let records = self.records.records.clone();
            self.records = Arc::new(Batch { records, attempt: self.attempts });
        }
        Arc::clone(&self.records)
    }
}
