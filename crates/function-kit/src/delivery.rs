//! A partition's part of a batch against the sink's position in that partition.

use kafka_batch::{BatchOutcome, Fault, PartitionOutcome, PartitionRecords, RecordRef, Redrive, Tally};
use positions::{Accepted, Handled, Identity, Origin, Position, Refusal, TopicRecreated, span};

/// What a sink did with the records of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many met which durable end.
    pub tally: Tally,
    /// Offsets of redriven records that stay parked, and why.
    pub refused: Vec<(i64, Refusal)>,
}

/// Decides which of the first `count` records of `partition` are new to `position`.
pub fn accept(
    partition: &PartitionRecords<'_>,
    count: usize,
    position: &Position,
) -> Result<Accepted, TopicRecreated> {
    let offsets = partition.iter().take(count).map(|record| record.offset());
    position.accept(origin(partition), offsets, |index| identity(&partition.get(index)))
}

/// Moves `position` past the first `count` records of `partition`, of which all that it accepts were `handled`. Returns
/// how many holes had to be forgotten.
pub fn advance(
    partition: &PartitionRecords<'_>,
    count: usize,
    position: &mut Position,
    handled: &[Handled],
) -> usize {
    let delivered = span(partition.iter().take(count).map(|record| record.offset()));
    position.advance(origin(partition), &delivered, handled, |index| identity(&partition.get(index)))
}

fn origin(partition: &PartitionRecords<'_>) -> Origin {
    match partition.redrive() {
        None => Origin::Kafka,
        Some(Redrive { incarnation, include_uncertain }) => {
            Origin::Redrive { incarnation, include_uncertain }
        }
    }
}

fn identity(record: &RecordRef<'_>) -> Identity {
    Identity::of(record.timestamp_ms(), record.key(), record.value().raw())
}

/// Tells `outcome` what became of each partition: handled, left parked, or to come again because its topic was created
/// again.
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
                    // One message for each reason; the answer lists the offsets.
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
