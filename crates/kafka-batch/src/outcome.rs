//! What became of a batch. There is no way to say "fine" without saying which records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{KafkaBatch, PartitionRecords};

/// How many records of a partition met which durable end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Newly stored in the sink.
    pub stored: u64,
    /// Newly parked with the dead letters.
    pub parked: u64,
    /// Already stored or parked by an earlier delivery.
    pub duplicates: u64,
}

impl Tally {
    /// All records that need no further delivery.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.stored + self.parked + self.duplicates
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.parked += other.parked;
        self.duplicates += other.duplicates;
    }
}

/// What became of one partition's records: how many are durably handled, and which must come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOutcome {
    id: String,
    tally: Tally,
    retry: Vec<i64>,
}

impl PartitionOutcome {
    /// Every record of the partition was stored, parked, or had been before.
    #[must_use]
    pub fn handled(partition: &PartitionRecords<'_>, tally: Tally) -> Self {
        Self::partly(partition, tally, Vec::new())
    }

    /// The records that `tally` counts are handled; those at the offsets `retry` must come again.
    #[must_use]
    pub fn partly(partition: &PartitionRecords<'_>, tally: Tally, retry: Vec<i64>) -> Self {
        Self { id: partition.id().to_owned(), tally, retry }
    }

    /// No record of the partition is durably handled: all must come again.
    #[must_use]
    pub fn retry(partition: &PartitionRecords<'_>) -> Self {
        let offsets = partition.iter().map(|record| record.offset()).collect();
        Self::partly(partition, Tally::default(), offsets)
    }

    fn told(&self) -> u64 {
        self.tally.handled() + self.retry.len() as u64
    }
}

/// Why records must come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether somebody must act first; otherwise it may pass by itself.
    pub needs_action: bool,
    /// What happened.
    pub message: String,
}

/// What became of a whole batch.
#[derive(Debug, Default)]
pub struct BatchOutcome {
    partitions: Vec<PartitionOutcome>,
    faults: Vec<Fault>,
    counts: BTreeMap<&'static str, u64>,
}

impl BatchOutcome {
    /// Adds one partition's outcome.
    pub fn push(&mut self, outcome: PartitionOutcome) {
        self.partitions.push(outcome);
    }

    /// Marks `partitions` for another delivery because of `fault`.
    pub fn retry<'a>(&mut self, partitions: impl IntoIterator<Item = PartitionRecords<'a>>, fault: Fault) {
        self.partitions.extend(partitions.into_iter().map(|partition| PartitionOutcome::retry(&partition)));
        self.faults.push(fault);
    }

    /// Adds why records must come again.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Adds to one of the function's own counters, which become metrics.
    pub fn count(&mut self, name: &'static str, more: u64) {
        *self.counts.entry(name).or_default() += more;
    }

    /// The function's own counters.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// Why records must come again; empty when none must.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The sums over all partitions.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for outcome in &self.partitions {
            sum += outcome.tally;
        }
        sum
    }

    /// The answer to Lambda, once every record of `batch` is accounted for.
    ///
    /// An outcome that leaves out a partition or counts a different number of records than the partition holds is a
    /// defect of the function; it becomes an error here, so that Lambda delivers again instead of moving on.
    pub fn response(&self, batch: &KafkaBatch) -> Result<BatchResponse, Unaccounted> {
        let mut failures = Vec::new();
        for partition in batch.partitions() {
            let mut outcomes = self.partitions.iter().filter(|outcome| outcome.id == partition.id());
            let (Some(outcome), None) = (outcomes.next(), outcomes.next()) else {
                return Err(Unaccounted {
                    partition: partition.id().to_owned(),
                    held: partition.len(),
                    told: 0,
                });
            };
            if outcome.told() != partition.len() as u64 {
                return Err(Unaccounted {
                    partition: partition.id().to_owned(),
                    held: partition.len(),
                    told: outcome.told(),
                });
            }
            failures.extend(outcome.retry.iter().map(|&offset| BatchItemFailure {
                item_identifier: ItemIdentifier { partition: partition.id().to_owned(), offset },
            }));
        }
        Ok(BatchResponse { batch_item_failures: failures })
    }
}

/// A function did not say what became of every record.
#[derive(Debug, thiserror::Error)]
#[error(
    "partition {partition} held {held} records, but the outcome accounts for {told}; the batch must come again"
)]
pub struct Unaccounted {
    /// `topic-partition`.
    pub partition: String,
    /// Records in the batch.
    pub held: usize,
    /// Records in the outcome.
    pub told: u64,
}

/// Lambda's partial batch response (`ReportBatchItemFailures`) for Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The records that must be delivered again.
    #[serde(default)]
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One record that must be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Which record.
    pub item_identifier: ItemIdentifier,
}

/// A record's place in the event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemIdentifier {
    /// The event's map key, `topic-partition`.
    pub partition: String,
    /// The record's offset.
    pub offset: i64,
}
