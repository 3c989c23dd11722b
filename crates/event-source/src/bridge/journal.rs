//! What the bridge knows of its reading of each partition: how far it is, where the group began, and what Kafka had
//! deleted before it was read. Every commit carries the last two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka::{CommitMark, TopicId};

/// The readings of a session, shared by its parts.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    topic_id: TopicId,
    readings: Arc<Mutex<BTreeMap<i32, Reading>>>,
}

#[derive(Debug, Clone)]
struct Reading {
    /// The offset that comes next; not known before the first poll of a partition without a commit.
    next: Option<i64>,
    mark: CommitMark,
}

impl Journal {
    pub(super) fn new(topic_id: TopicId) -> Self {
        Self { topic_id, readings: Arc::default() }
    }

    /// A partition was assigned. `committed` is the group's commit in this topic, with its metadata.
    pub(super) fn assigned(&self, partition: i32, committed: Option<(i64, Option<&str>)>) {
        let mark = committed.and_then(|(_, metadata)| CommitMark::parse(metadata?));
        let reading = Reading {
            next: committed.map(|(offset, _)| offset),
            mark: mark.unwrap_or(CommitMark::new(self.topic_id)),
        };
        self.lock().insert(partition, reading);
    }

    /// The offsets that were passed over when `first` is the first record that came, or where the consumer is now.
    pub(super) fn gap(&self, partition: i32, first: i64) -> Option<Range<i64>> {
        let next = self.lock().get(&partition)?.next?;
        (next < first).then_some(next..first)
    }

    /// Notes a range that Kafka deleted before it was read.
    pub(super) fn lost(&self, partition: i32, range: Range<i64>) {
        self.with(partition, |reading| reading.mark.add_lost(range));
    }

    /// Notes that the consumer got from `first` to before `next`.
    pub(super) fn read(&self, partition: i32, first: i64, next: i64) {
        self.with(partition, |reading| {
            reading.mark.start.get_or_insert(reading.next.map_or(first, |known| known.min(first)));
            reading.next = Some(next);
        });
    }

    /// What a commit of the partition is to say.
    pub(super) fn mark(&self, partition: i32) -> CommitMark {
        self.lock().get(&partition).map_or(CommitMark::new(self.topic_id), |reading| reading.mark.clone())
    }

    fn with(&self, partition: i32, change: impl FnOnce(&mut Reading)) {
        let new = || Reading { next: None, mark: CommitMark::new(self.topic_id) };
        change(self.lock().entry(partition).or_insert_with(new));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Reading>> {
        // Every change is one assignment: whatever a panicking thread left is whole.
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_lies_between_the_last_read_and_the_next_record() {
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
