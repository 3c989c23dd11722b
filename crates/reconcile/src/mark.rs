//! A lane's position, kept between two comparisons, and the difference between two of them.

use std::collections::BTreeMap;
use std::ops::Range;

use positions::{OffsetRanges, Position};
use serde::{Deserialize, Serialize};

use crate::offsets::{Offsets, below};

/// The position of a lane in each partition, as JSON in the reconciler's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark(BTreeMap<i32, PartitionMark>);

/// The position in one partition. `holes` and `parked` are pairs of first offset and end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PartitionMark {
    /// The watermark: the next offset to read.
    next: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holes: Vec<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parked: Vec<(i64, i64)>,
    /// The number of times that the position was reset.
    #[serde(default)]
    incarnation: i64,
}

/// The offsets whose state changed between two marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Offsets stored since the first mark: read from Kafka, or parked before and redriven.
    pub added: Offsets,
    /// Offsets that were stored at the first mark and are parked now.
    pub removed: Offsets,
}

impl Mark {
    /// Creates a mark from positions by partition.
    #[must_use]
    pub fn of<'a>(positions: impl IntoIterator<Item = (i32, &'a Position)>) -> Self {
        let pairs = |ranges: &OffsetRanges| ranges.iter().map(|range| (range.start, range.end)).collect();
        let mark = |position: &Position| PartitionMark {
            next: position.next,
            holes: pairs(&position.holes),
            parked: pairs(&position.parked),
            incarnation: position.incarnation,
        };
        Self(positions.into_iter().map(|(partition, position)| (partition, mark(position))).collect())
    }

    /// Returns the change between `before` and this mark. Returns `None` if a position was reset, moved back,
    /// or is missing, because the offsets are then not comparable.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Change> {
        let mut change = Change::default();
        let nothing = PartitionMark::default();
        for (&partition, now) in &self.0 {
            let then = before.0.get(&partition).unwrap_or(&nothing);
            // A partition without a mark had not been read, so it was in incarnation 0.
            if then.incarnation != now.incarnation || now.next < then.next {
                return None;
            }
            let (stored, stored_then) = (now.stored(), then.stored());
            change.added.insert(partition, stored.difference(&stored_then));
            change.removed.insert(partition, stored_then.difference(&stored));
        }
        let forgotten =
            before.0.iter().any(|(partition, then)| then.next > 0 && !self.0.contains_key(partition));
        (!forgotten).then_some(change)
    }

    /// Whether no partition was ever read.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.0.values().all(|mark| mark.next == 0)
    }
}

impl PartitionMark {
    /// The offsets below the watermark that are neither holes nor parked.
    fn stored(&self) -> OffsetRanges {
        let ranges = |pairs: &[(i64, i64)]| -> OffsetRanges {
            pairs.iter().map(|&(start, end)| Range { start, end }).collect()
        };
        below(self.next).difference(&ranges(&self.holes)).difference(&ranges(&self.parked))
    }
}

impl Change {
    /// All offsets that changed.
    #[must_use]
    pub fn offsets(&self) -> Offsets {
        let mut all = self.added.clone();
        for (partition, ranges) in &self.removed {
            let all = all.entry(*partition).or_default();
            ranges.iter().for_each(|range| all.insert(range.clone()));
        }
        all
    }

    /// 1 if the offset was stored since, −1 if it was stored before and is parked now, 0 otherwise.
    #[must_use]
    pub fn sign(&self, partition: i32, offset: i64) -> i64 {
        let has = |offsets: &Offsets| offsets.get(&partition).is_some_and(|ranges| ranges.contains(offset));
        i64::from(has(&self.added)) - i64::from(has(&self.removed))
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    /// A position with these holes and parked offsets.
    fn position(next: i64, holes: &[Range<i64>], parked: &[i64]) -> Position {
        Position {
            next,
            holes: holes.iter().cloned().collect(),
            parked: parked.iter().copied().collect(),
            ..Position::default()
        }
    }

    /// All offsets of partition 0.
    fn offsets(change: &Offsets) -> Vec<i64> {
        change.get(&0).map(|ranges| ranges.offsets().collect()).unwrap_or_default()
    }

    #[test]
    fn redriven_records_and_filled_holes_are_added_and_newly_parked_records_are_not() {
        let before = Mark::of([(0, &position(10, &[2..4], &[7]))]);
        let after = Mark::of([(0, &position(13, &[3..4], &[11]))]);
        let change = after.since(&before).unwrap();
        assert_eq!((offsets(&change.added), offsets(&change.removed)), (vec![2, 7, 10, 12], vec![]));
        assert_eq!((change.sign(0, 7), change.sign(0, 11), change.sign(1, 7)), (1, 0, 0));
    }

    #[test]
    fn a_stored_record_that_is_parked_now_is_removed() {
        let before = Mark::of([(0, &position(10, &[], &[]))]);
        let change = Mark::of([(0, &position(10, &[], &[4]))]).since(&before).unwrap();
        assert_eq!((offsets(&change.added), offsets(&change.removed)), (vec![], vec![4]));
        assert_eq!(change.sign(0, 4), -1);
    }

    #[test]
    fn a_reset_position_is_not_comparable() {
        let before = Mark::of([(0, &position(10, &[], &[]))]);
        let reset = Position { incarnation: 1, earlier: vec![10], ..position(3, &[], &[]) };
        assert_eq!(Mark::of([(0, &reset)]).since(&before), None);
        assert_eq!(Mark::default().since(&before), None, "its rows are gone");
        assert!(before.since(&Mark::default()).is_some(), "a partition that is new");
    }

    #[test]
    fn a_mark_is_equal_after_json() {
        let mark = Mark::of([(0, &position(10, &[2..4], &[7])), (3, &Position::default())]);
        let json = serde_json::to_string(&mark).unwrap();
        assert_eq!(serde_json::from_str::<Mark>(&json).unwrap(), mark);
    }
}
