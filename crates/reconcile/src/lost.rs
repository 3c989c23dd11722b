//! Records that Kafka deleted (by retention, or by an operator) before a lane read them.

use std::collections::BTreeMap;

use kafka::PartitionLag;
use positions::{OffsetRanges, Position};

use crate::{
    ReconcileError, Sources, Verdict, given_up,
    offsets::{Offsets, below, intersection},
};

/// How far a lane has read in a partition.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The watermark: the next offset to read.
    pub next: i64,
    /// Offsets below the watermark that were never delivered.
    pub holes: OffsetRanges,
}

impl Reach {
    /// The reach of a lane with this position.
    #[must_use]
    pub fn of(position: &Position) -> Self {
        Self { next: position.next, holes: position.holes.clone() }
    }

    /// The offsets below `end` that the lane does not have.
    fn open(&self, end: i64) -> OffsetRanges {
        let mut open = self.holes.clone();
        open.insert(self.next..end);
        intersection(&open, &below(end))
    }

    /// The first offset that the lane ever read; `None` if it has read nothing.
    fn first(&self) -> Option<i64> {
        (self.next > 0)
            .then(|| self.holes.iter().next().filter(|hole| hole.start == 0).map_or(0, |hole| hole.end))
    }
}

/// Returns the offsets that a lane lost in a partition. A lost offset is one that the lane does not have, that Kafka
/// has deleted, and that the group was meant to read.
#[must_use]
pub fn lost(reach: &Reach, lag: &PartitionLag) -> OffsetRanges {
    let open = reach.open(lag.beginning);
    let known: OffsetRanges = lag.lost.iter().cloned().collect();
    let mut lost = intersection(&open, &known);
    // Commits of the local bridge record which offsets were lost; other holes have no record, or are a given-up batch.
    // Lambda's commits do not record it, so every hole since the first delivery counts as lost.
    if lag.start.is_none() {
        let begun = reach.first().or(lag.committed).unwrap_or(lag.beginning);
        open.difference(&below(begun)).iter().for_each(|range| lost.insert(range.clone()));
    }
    lost
}

/// Adds the lost offsets to the verdict, and the offsets of given-up batches that Kafka has deleted. The
/// failure destination keeps the records of a given-up batch, so these count as missing and not as lost.
///
/// # Errors
/// [`ReconcileError`] if the given-up batches cannot be read. They are read only if the lane lacks deleted
/// offsets.
pub async fn judge(
    verdict: &mut Verdict,
    sources: &Sources,
    reaches: &BTreeMap<i32, Reach>,
    lags: &[PartitionLag],
) -> Result<(), ReconcileError> {
    let none = Reach::default();
    let mut rest = Offsets::new();
    for lag in lags {
        let reach = reaches.get(&lag.partition).unwrap_or(&none);
        let lost = lost(reach, lag);
        rest.insert(lag.partition, reach.open(lag.beginning).difference(&lost));
        verdict.lose(lag.partition, &lost);
    }
    rest.retain(|_, open| !open.is_empty());
    if rest.is_empty() {
        return Ok(());
    }
    let given_up = given_up::of_topic(sources, &verdict.function, &verdict.topic).await?;
    for (partition, open) in rest {
        let Some(given_up) = given_up.get(&partition) else { continue };
        let waiting = intersection(&open, given_up);
        verdict.missing += waiting.count();
        verdict.produced += waiting.count();
        verdict.problem("given up, and not redriven since (`headwater parked redrive`)", partition, &waiting);
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    /// A lane that has read up to `next`, except `holes`.
    fn reach(next: i64, holes: &[std::ops::Range<i64>]) -> Reach {
        Reach { next, holes: holes.iter().cloned().collect() }
    }

    /// A partition whose oldest offset is `beginning`. The offsets between the commit and it are lost.
    fn lag(beginning: i64, committed: Option<i64>) -> PartitionLag {
        let lost =
            committed.map(|committed| committed..beginning).into_iter().filter(|range| !range.is_empty());
        PartitionLag {
            partition: 0,
            committed,
            beginning,
            end: 200,
            open: 0,
            lag: 0,
            start: None,
            lost: lost.collect(),
        }
    }

    /// The ranges as a list.
    fn ranges(found: &OffsetRanges) -> Vec<std::ops::Range<i64>> {
        found.iter().cloned().collect()
    }

    #[test]
    fn offsets_deleted_before_the_group_started_are_not_lost() {
        assert!(lost(&reach(0, &[]), &lag(50, None)).is_empty(), "the group has read nothing");
        assert!(
            lost(&reach(100, &[0..50]), &lag(50, Some(100))).is_empty(),
            "the first delivery began at 50"
        );
        assert!(lost(&reach(100, &[0..50]), &lag(80, Some(100))).is_empty());
    }

    #[test]
    fn deleted_holes_and_deleted_unread_offsets_are_lost() {
        assert_eq!(ranges(&lost(&reach(100, &[0..10, 40..60]), &lag(70, Some(100)))), [40..60]);
        assert_eq!(ranges(&lost(&reach(100, &[40..60]), &lag(50, Some(100)))), [40..50]);
        assert_eq!(ranges(&lost(&reach(40, &[]), &lag(60, Some(40)))), [40..60]);
        assert_eq!(ranges(&lost(&reach(0, &[]), &lag(60, Some(5)))), [5..60], "the group had started");
    }

    #[test]
    fn offsets_in_the_sink_are_not_lost_whatever_is_committed() {
        assert!(lost(&reach(100, &[]), &lag(60, Some(40))).is_empty());
    }

    #[test]
    fn if_commits_name_the_lost_offsets_other_holes_are_not_lost() {
        let told = PartitionLag { start: Some(0), lost: vec![40..60], ..lag(90, Some(100)) };
        assert_eq!(ranges(&lost(&reach(100, &[20..21, 40..60, 70..71]), &told)), [40..60]);
        let from_the_start = PartitionLag { start: Some(0), lost: vec![0..60], ..lag(90, Some(100)) };
        assert_eq!(ranges(&lost(&reach(100, &[0..60]), &from_the_start)), [0..60]);
        let accepted = PartitionLag { start: Some(60), lost: Vec::new(), ..lag(90, Some(100)) };
        assert!(lost(&reach(100, &[40..60]), &accepted).is_empty());
    }
}
