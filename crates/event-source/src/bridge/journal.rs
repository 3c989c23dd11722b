//! The reading state of each partition: the next offset, where the group started, and the ranges that Kafka deleted
//! before they were read. The metadata of each commit holds the last two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka::{CommitMark, TopicId};

/// The reading state of all partitions of a session; shared by its tasks.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    /// The id of the topic of this session. Each mark contains it.
    topic_id: TopicId,
    readings: Arc<Mutex<BTreeMap<i32, Reading>>>,
}

/// The reading state of one partition.
#[derive(Debug, Clone)]
struct Reading {
    /// The next offset. `None` for a partition without a commit until its first poll.
    next: Option<i64>,
    /// The metadata of the next commit: the topic's id, the group's start and the lost ranges.
    mark: CommitMark,
}

impl Journal {
    pub(super) fn new(topic_id: TopicId) -> Self {
        Self { topic_id, readings: Arc::default() }
    }

    /// Resets the state of a newly assigned partition. `committed` is the group's commit for this topic and its
    /// metadata.
    pub(super) fn assigned(&self, partition: i32, committed: Option<(i64, Option<&str>)>) {
        let mark = committed.and_then(|(_, metadata)| CommitMark::parse(metadata?));
        let reading = Reading {
            next: committed.map(|(offset, _)| offset),
            mark: mark.unwrap_or(CommitMark::new(self.topic_id)),
        };
        self.lock().insert(partition, reading);
    }

    /// The offsets that were skipped before `first`. `first` is the offset of the first record of a poll or, without
    /// records, the consumer's position.
    ///
    /// `None` if nothing was skipped, or if the group has no commit yet.
    pub(super) fn gap(&self, partition: i32, first: i64) -> Option<Range<i64>> {
        let next = self.lock().get(&partition)?.next?;
        (next < first).then_some(next..first)
    }

    /// Adds a range that Kafka deleted before it was read.
    pub(super) fn lost(&self, partition: i32, range: Range<i64>) {
        self.with(partition, |reading| reading.mark.add_lost(range));
    }

    /// Records that the consumer read from `first` up to `next` (exclusive).
    ///
    /// The first call also sets the group's start.
    pub(super) fn read(&self, partition: i32, first: i64, next: i64) {
        self.with(partition, |reading| {
            reading.mark.start.get_or_insert(reading.next.map_or(first, |known| known.min(first)));
            reading.next = Some(next);
        });
    }

    /// The metadata for the partition's next commit.
    pub(super) fn mark(&self, partition: i32) -> CommitMark {
        self.lock().get(&partition).map_or(CommitMark::new(self.topic_id), |reading| reading.mark.clone())
    }

    /// Changes the state of a partition, which is created if it is missing.
    fn with(&self, partition: i32, change: impl FnOnce(&mut Reading)) {
        let new = || Reading { next: None, mark: CommitMark::new(self.topic_id) };
        change(self.lock().entry(partition).or_insert_with(new));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Reading>> {
        // A poisoned lock is no problem: every change is one assignment, so the state is always consistent.
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_the_range_between_the_last_read_and_the_next_record() {
        let journal = Journal::new([0; 16]);
        journal.assigned(0, Some((40, None)));
        assert_eq!(journal.gap(0, 40), None);
        assert_eq!(journal.gap(0, 60), Some(40..60));
        journal.read(0, 60, 70);
        assert_eq!(journal.gap(0, 70), None);
        assert_eq!(journal.gap(0, 30), None, "a rewound log is no gap");
    }

    #[test]
    fn a_group_without_a_commit_begins_where_it_reads_first() {
        let journal = Journal::new([0; 16]);
        journal.assigned(0, None);
        assert_eq!(journal.gap(0, 60), None);
        journal.read(0, 60, 70);
        assert_eq!(journal.mark(0).start, Some(60));
    }

    #[test]
    fn marks_are_carried_from_one_commit_to_the_next() {
        let journal = Journal::new([3; 16]);
        journal.assigned(0, Some((40, Some("topic-id:03030303030303030303030303030303 start:5 lost:7-9"))));
        journal.read(0, 60, 70);
        journal.lost(0, 40..60);
        assert_eq!(
            journal.mark(0).to_string(),
            "topic-id:03030303030303030303030303030303 start:5 lost:7-9,40-59"
        );
        assert_eq!(journal.mark(1), CommitMark::new([3; 16]));
    }
}
