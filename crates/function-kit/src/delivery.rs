//! Compares a partition's part of a batch with the sink's position in that partition.

use kafka_batch::{BatchOutcome, Fault, PartitionOutcome, PartitionRecords, RecordRef, Redrive, Tally};
use positions::{Accepted, Handled, Identity, Origin, Position, Refusal, TopicRecreated, span};

/// The result of storing the records of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// The numbers of records that were stored, parked, or recognised as duplicates.
    pub tally: Tally,
    /// The offsets of redriven records that stay parked, each with the reason.
    pub refused: Vec<(i64, Refusal)>,
}

/// Decides which of the first `count` records of `partition` are new to `position`.
///
/// # Errors
/// [`TopicRecreated`] if the batch belongs to another topic of the same name than `position`.
pub fn accept(
    partition: &PartitionRecords<'_>,
    count: usize,
    position: &Position,
) -> Result<Accepted, TopicRecreated> {
    let offsets = partition.iter().take(count).map(|record| record.offset());
    position.accept(origin(partition), offsets, |index| identity(&partition.get(index)))
}

/// Moves `position` past the first `count` records of `partition`. `handled` says what happened to each record that
/// `position` accepted. Returns the number of holes that were dropped because a position stores only a limited number.
pub fn advance(
    partition: &PartitionRecords<'_>,
    count: usize,
    position: &mut Position,
    handled: &[Handled],
) -> usize {
    let delivered = span(partition.iter().take(count).map(|record| record.offset()));
    position.advance(origin(partition), &delivered, handled, |index| identity(&partition.get(index)))
}

/// Whether the records come from Kafka or from a redrive.
fn origin(partition: &PartitionRecords<'_>) -> Origin {
    match partition.redrive() {
        None => Origin::Kafka,
        Some(Redrive { incarnation, include_uncertain }) => {
            Origin::Redrive { incarnation, include_uncertain }
        }
    }
}

/// The hash that a position stores of some records. A different hash at the same offset proves that the topic
/// was created again.
fn identity(record: &RecordRef<'_>) -> Identity {
    Identity::of(record.timestamp_ms(), record.key(), record.value().raw())
}

/// Adds the result of each partition to `outcome`: its records were handled, some redriven records stay parked, or all
/// records must be delivered again because the topic was deleted and created again.
pub fn settle(
    outcome: &mut BatchOutcome,
    partitions: &[PartitionRecords<'_>],
    results: &[Result<Settled, TopicRecreated>],
) {
    for (partition, result) in partitions.iter().zip(results) {
        match result {
            Ok(Settled { tally, refused }) => {
                let offsets = refused.iter().map(|(offset, _)| *offset).collect();
                outcome.push(PartitionOutcome::partly(partition, *tally, offsets));
                for (index, (offset, refusal)) in refused.iter().enumerate() {
                    // One message per reason is enough, because the answer lists all offsets.
                    if refused[..index].iter().all(|(_, earlier)| earlier != refusal) {
                        let message = format!("{} at {offset}: {refusal}", partition.id());
                        outcome.fault(Fault { needs_action: true, message });
                    }
                }
            }
            Err(recreated) => {
                let message = format!("{}: {recreated}", partition.id());
                outcome.count("TopicsRecreated", 1);
                outcome.retry([*partition], Fault { needs_action: true, message });
            }
        }
    }
}
