//! The position and its two moves: which records to accept, and what they leave behind.

use std::collections::BTreeSet;
use std::ops::Range;

/// How many holes a partition keeps. Transactions and compaction leave gaps that nobody will ever fill, so the
/// number is bounded; past it the oldest is forgotten, and counted.
pub const MAX_HOLES: usize = 64;

/// A consumer group's position in one partition. The default is that of a partition never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The watermark: one past the highest offset that was handled.
    pub next: i64,
    /// The latest Kafka timestamp among the records handled, in milliseconds; `i64::MIN` before the first.
    pub newest_ms: i64,
    /// Ranges below the watermark that were never handled: sorted, disjoint, none empty.
    pub holes: Vec<Range<i64>>,
    /// Offsets below the watermark that were parked. May hold only those a batch asks about.
    pub parked: BTreeSet<i64>,
}

impl Default for Position {
    fn default() -> Self {
        Self { next: 0, newest_ms: i64::MIN, holes: Vec::new(), parked: BTreeSet::new() }
    }
}

/// A record as it arrives: all that a position needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The record's offset.
    pub offset: i64,
    /// Kafka's timestamp in milliseconds.
    pub timestamp_ms: i64,
}

/// Which of a partition's arrivals are to be handled now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Indices into the arrivals, in their order.
    pub indices: Vec<usize>,
    /// How many arrivals were handled before.
    pub duplicates: u64,
}

/// What a commit handled in one partition.
#[derive(Debug, Clone, Copy)]
pub struct Handled {
    /// The record's offset.
    pub offset: i64,
    /// Kafka's timestamp in milliseconds.
    pub timestamp_ms: i64,
    /// Parked rather than stored.
    pub parked: bool,
}

/// The partition holds records below the watermark that are newer than all that was ever committed from it: the
/// topic was deleted and created again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "offset {offset} lies below the committed position {next}, yet its timestamp {timestamp_ms} is later than the newest \
     committed one, {newest_ms}: the topic seems to have been deleted and created again; look with `headwater offsets \
     show`, and begin anew with `headwater offsets reset`"
)]
pub struct TopicRecreated {
    /// The offending record's offset.
    pub offset: i64,
    /// Its timestamp in milliseconds.
    pub timestamp_ms: i64,
    /// The committed watermark.
    pub next: i64,
    /// The newest committed timestamp in milliseconds.
    pub newest_ms: i64,
}

impl Position {
    /// Sorts out which arrivals are new to this position. Arrivals come in the order of their offsets.
    pub fn accept(&self, arrivals: impl IntoIterator<Item = Arrival>) -> Result<Accepted, TopicRecreated> {
        let mut accepted = Accepted::default();
        let mut previous = None;
        for (index, Arrival { offset, timestamp_ms }) in arrivals.into_iter().enumerate() {
            if previous != Some(offset) && self.is_open(offset) {
                accepted.indices.push(index);
            } else if timestamp_ms > self.newest_ms && !self.is_open(offset) {
                let (next, newest_ms) = (self.next, self.newest_ms);
                return Err(TopicRecreated { offset, timestamp_ms, next, newest_ms });
            } else {
                accepted.duplicates += 1;
            }
            previous = Some(offset);
        }
        Ok(accepted)
    }

    /// Whether the record at `offset` was not stored yet.
    #[must_use]
    pub fn is_open(&self, offset: i64) -> bool {
        offset >= self.next || self.hole_at(offset).is_some() || self.parked.contains(&offset)
    }

    /// Moves the position past records that were handled, in the order of their offsets. Returns how many holes had
    /// to be forgotten.
    pub fn advance(&mut self, handled: impl IntoIterator<Item = Handled>) -> usize {
        for Handled { offset, timestamp_ms, parked } in handled {
            if offset >= self.next {
                if offset > self.next {
                    self.holes.push(self.next..offset);
                }
                self.next = offset + 1;
            } else if let Some(index) = self.hole_at(offset) {
                let hole = self.holes[index].clone();
                let rest = [hole.start..offset, offset + 1..hole.end];
                self.holes.splice(index..=index, rest.into_iter().filter(|part| !part.is_empty()));
            }
            if parked {
                self.parked.insert(offset);
            } else {
                self.parked.remove(&offset);
            }
            self.newest_ms = self.newest_ms.max(timestamp_ms);
        }
        let forgotten = self.holes.len().saturating_sub(MAX_HOLES);
        self.holes.drain(..forgotten);
        forgotten
    }

    fn hole_at(&self, offset: i64) -> Option<usize> {
        let index = self.holes.partition_point(|hole| hole.end <= offset);
        self.holes.get(index).filter(|hole| hole.contains(&offset)).map(|_| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(offsets: impl IntoIterator<Item = i64>) -> Vec<Arrival> {
        offsets.into_iter().map(|offset| Arrival { offset, timestamp_ms: offset }).collect()
    }

    fn handled(offsets: impl IntoIterator<Item = i64>) -> Vec<Handled> {
        offsets.into_iter().map(|offset| Handled { offset, timestamp_ms: offset, parked: false }).collect()
    }

    #[test]
    fn a_first_batch_leaves_all_before_it_open() {
        let mut position = Position::default();
        position.advance(handled(500..510));
        assert_eq!((position.next, position.holes.len(), position.holes[0].clone()), (510, 1, 0..500));
        assert_eq!(position.accept(arrivals(0..500)).unwrap().indices.len(), 500);
    }

    #[test]
    fn a_batch_that_comes_after_its_successor_closes_the_hole_it_left() {
        let mut position = Position::default();
        position.advance(handled(0..10));
        position.advance(handled(20..30));
        assert_eq!(
            position.accept(arrivals(5..25)).unwrap(),
            Accepted { indices: (5..15).collect(), duplicates: 10 }
        );
        position.advance(handled(10..20));
        assert!(position.holes.is_empty());
        assert_eq!(position.next, 30);
    }

    #[test]
    fn a_hole_can_be_filled_from_its_middle() {
        let mut position = Position::default();
        position.advance(handled([9]));
        position.advance(handled([4, 5]));
        assert_eq!(position.holes, [0..4, 6..9]);
    }

    #[test]
    fn one_offset_twice_in_a_batch_counts_once() {
        let accepted = Position::default().accept(arrivals([3, 3, 4])).unwrap();
        assert_eq!(accepted, Accepted { indices: vec![0, 2], duplicates: 1 });
    }

    #[test]
    fn a_parked_record_may_be_stored_once_later() {
        let mut position = Position::default();
        position.advance([Handled { offset: 0, timestamp_ms: 0, parked: true }]);
        assert!(position.is_open(0));
        position.advance(handled([0]));
        assert!(!position.is_open(0));
    }

    #[test]
    fn a_topic_that_begins_anew_is_an_error_not_a_duplicate() {
        let mut position = Position::default();
        position.advance(handled(0..100));
        let error = position.accept([Arrival { offset: 0, timestamp_ms: 100 }]).unwrap_err();
        assert_eq!((error.offset, error.next, error.newest_ms), (0, 100, 99));
        assert!(error.to_string().contains("offsets reset"));
    }

    #[test]
    fn holes_are_bounded_and_the_oldest_is_forgotten_with_a_count() {
        let mut position = Position::default();
        let forgotten = position.advance(handled((0..=2 * i64::try_from(MAX_HOLES).unwrap() + 2).step_by(2)));
        assert_eq!((forgotten, position.holes.len()), (1, MAX_HOLES));
        assert_eq!(position.holes[0], 3..4, "the hole at 1 is gone");
    }
}
