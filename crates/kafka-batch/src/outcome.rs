//! The outcome of a batch. It must have a result for every record; a function cannot just report success.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{KafkaBatch, PartitionRecords};

/// How many records of a partition were stored, parked or skipped as duplicates. All of these are handled durably.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records that were stored in the sink by this invocation.
    pub stored: u64,
    /// Records that were parked with the dead letters by this invocation.
    pub parked: u64,
    /// Records that an earlier delivery stored or parked.
    pub duplicates: u64,
}

impl Tally {
    /// The number of records that need no further delivery.
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

/// The outcome of one partition: how many records are handled durably, and which ones must be redelivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOutcome {
    /// `topic-partition`, as in the event.
    id: String,
    tally: Tally,
    /// The offsets of the records that must be redelivered.
    retry: Vec<i64>,
}

impl PartitionOutcome {
    /// Every record of the partition was stored or parked, by this invocation or before.
    #[must_use]
    pub fn handled(partition: &PartitionRecords<'_>, tally: Tally) -> Self {
        Self::partly(partition, tally, Vec::new())
    }

    /// The records counted by `tally` are handled. The records at the offsets `retry` must be redelivered.
    #[must_use]
    pub fn partly(partition: &PartitionRecords<'_>, tally: Tally, retry: Vec<i64>) -> Self {
        Self { id: partition.id().to_owned(), tally, retry }
    }

    /// No record of the partition is handled durably, so all of them must be redelivered.
    #[must_use]
    pub fn retry(partition: &PartitionRecords<'_>) -> Self {
        let offsets = partition.iter().map(|record| record.offset()).collect();
        Self::partly(partition, Tally::default(), offsets)
    }

    /// The number of records for which the outcome says what happened.
    fn told(&self) -> u64 {
        self.tally.handled() + self.retry.len() as u64
    }
}

/// Why records must be redelivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether an operator must act before a retry can succeed. If `false`, the fault may pass without action.
    pub needs_action: bool,
    /// What happened, for the log.
    pub message: String,
}

/// The outcome of a whole batch.
#[derive(Debug, Default)]
pub struct BatchOutcome {
    partitions: Vec<PartitionOutcome>,
    /// Why records must be redelivered.
    faults: Vec<Fault>,
    /// The function's own counters, by the name of the metric.
    counts: BTreeMap<&'static str, u64>,
}

impl BatchOutcome {
    /// Adds one partition's outcome.
    pub fn push(&mut self, outcome: PartitionOutcome) {
        self.partitions.push(outcome);
    }

    /// Marks all records of `partitions` for redelivery because of `fault`.
    pub fn retry<'a>(&mut self, partitions: impl IntoIterator<Item = PartitionRecords<'a>>, fault: Fault) {
        self.partitions.extend(partitions.into_iter().map(|partition| PartitionOutcome::retry(&partition)));
        self.faults.push(fault);
    }

    /// Adds a reason for redelivery, without marking any record.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Adds `more` to one of the function's own counters. They become metrics.
    pub fn count(&mut self, name: &'static str, more: u64) {
        *self.counts.entry(name).or_default() += more;
    }

    /// The function's own counters.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// The reasons for redelivery. Empty if no record must be redelivered.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The sum of the tallies of all partitions.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for outcome in &self.partitions {
            sum += outcome.tally;
        }
        sum
    }

    /// Builds the response to Lambda.
    ///
    /// # Errors
    /// [`Unaccounted`] if the outcome misses a partition, or if its counts do not match the number of records. That is
    /// a bug in the function. The invocation then fails, so Lambda delivers the batch again instead of moving on.
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

/// The outcome does not account for every record of a partition.
#[derive(Debug, thiserror::Error)]
#[error(
    "partition {partition} held {held} records, but the outcome accounts for {told}; the batch must be redelivered"
)]
pub struct Unaccounted {
    /// `topic-partition`.
    pub partition: String,
    /// The number of records in the batch.
    pub held: usize,
    /// The number of records in the outcome; 0 if the partition is missing or occurs twice.
    pub told: u64,
}

/// Lambda's partial batch response (`ReportBatchItemFailures`) for Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The records that Lambda must deliver again. If it is empty, the whole batch succeeded.
    #[serde(default)]
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One record that Lambda must deliver again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Which record.
    pub item_identifier: ItemIdentifier,
}

/// The partition and offset of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemIdentifier {
    /// The key in the event's `records` map, `topic-partition`.
    pub partition: String,
    /// The record's offset.
    pub offset: i64,
}
