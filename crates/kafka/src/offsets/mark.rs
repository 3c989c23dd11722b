//! The metadata of an offset commit: the id of the topic, the offset at which the group started to read the partition,
//! and the ranges that Kafka deleted before the group read them.
//!
//! Kafka stores the metadata with the commit and replaces both together. The format is
//! `topic-id:<hex> start:0 lost:40-59,80-80`; both ends of a range are inclusive.

use std::fmt;
use std::ops::Range;

/// The UUID that Kafka assigns to a topic when the topic is created, as 16 bytes.
pub type TopicId = [u8; 16];

/// The key of the topic's id, which must be the first word.
const TOPIC: &str = "topic-id:";
/// The key of the first offset that the group had to read.
const START: &str = "start:";
/// The key of the lost ranges.
const LOST: &str = "lost:";

/// The largest number of lost ranges in one mark. By default Kafka limits a commit's metadata to 4,096 bytes
/// (`offset.metadata.max.bytes`).
const MOST_LOST: usize = 32;

/// The metadata of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMark {
    /// The id of the topic when the commit was made. A topic that is deleted and created again keeps its name, but its
    /// offsets start again at 0, so old commits must not count for it.
    pub topic_id: TopicId,
    /// The first offset that the group had to read, or `None` if it is not known. When the group started, older records
    /// were already deleted or were skipped on purpose.
    pub start: Option<i64>,
    /// Sorted, disjoint, non-empty ranges; at most [`MOST_LOST`].
    lost: Vec<Range<i64>>,
}

impl CommitMark {
    /// The mark of a group that has not read anything yet: no start, no lost ranges.
    #[must_use]
    pub fn new(topic_id: TopicId) -> Self {
        Self { topic_id, start: None, lost: Vec::new() }
    }

    /// Parses a commit's metadata. Returns `None` if the metadata is not a mark, for example because another tool made
    /// the commit.
    #[must_use]
    pub fn parse(metadata: &str) -> Option<Self> {
        let mut words = metadata.split(' ');
        let mut mark = Self::new(topic_id(words.next()?.strip_prefix(TOPIC)?)?);
        // Unknown words are ignored: a later version may have added them.
        for word in words {
            if let Some(start) = word.strip_prefix(START) {
                mark.start = Some(start.parse().ok()?);
            } else if let Some(ranges) = word.strip_prefix(LOST) {
                for range in ranges.split(',') {
                    let (first, last) = range.split_once('-')?;
                    mark.add_lost(first.parse().ok()?..last.parse::<i64>().ok()?.checked_add(1)?);
                }
            }
        }
        Some(mark)
    }

    /// The ranges that Kafka deleted before the group read them: sorted, disjoint and non-empty.
    #[must_use]
    pub fn lost(&self) -> &[Range<i64>] {
        &self.lost
    }

    /// Adds a lost range; an empty range is ignored. A mark holds at most 32 ranges. If there are more, the two oldest
    /// are merged into one range that also covers the offsets between them.
    pub fn add_lost(&mut self, range: Range<i64>) {
        if range.is_empty() {
            return;
        }
        self.lost.push(range);
        self.lost.sort_by_key(|range| range.start);
        self.lost.dedup_by(|later, earlier| {
            let joined = later.start <= earlier.end;
            if joined {
                earlier.end = earlier.end.max(later.end);
            }
            joined
        });
        while self.lost.len() > MOST_LOST {
            let oldest = self.lost.remove(0);
            self.lost[0].start = oldest.start;
        }
    }

    /// The mark after an operator accepted the losses: the lost ranges are removed, and offsets below `start` are no
    /// longer expected.
    #[must_use]
    pub fn accepted_up_to(&self, start: i64) -> Self {
        Self { start: Some(start), ..Self::new(self.topic_id) }
    }
}

impl fmt::Display for CommitMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOPIC)?;
        f.write_str(&hex::encode(self.topic_id))?;
        if let Some(start) = self.start {
            write!(f, " {START}{start}")?;
        }
        for (number, range) in self.lost.iter().enumerate() {
            f.write_str(if number == 0 { " lost:" } else { "," })?;
            write!(f, "{}-{}", range.start, range.end - 1)?;
        }
        Ok(())
    }
}

/// Parses 32 hexadecimal digits.
fn topic_id(digits: &str) -> Option<TopicId> {
    let mut id = TopicId::default();
    hex::decode_to_slice(digits, &mut id).ok()?;
    Some(id)
}

/// Commit metadata that holds only the topic's id.
#[must_use]
pub fn commit_mark(topic_id: TopicId) -> String {
    CommitMark::new(topic_id).to_string()
}

/// Returns `true` if a commit with this metadata was made for an earlier topic of the same name. Returns `false` for a
/// commit without a mark: other tools make such commits, for example to reset a group's offsets.
#[must_use]
pub fn is_of_another_topic(metadata: Option<&str>, topic_id: TopicId) -> bool {
    metadata.and_then(CommitMark::parse).is_some_and(|mark| mark.topic_id != topic_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_valid_unless_it_was_made_for_another_topic() {
        let id = [7; 16];
        assert!(!is_of_another_topic(None, id));
        assert!(!is_of_another_topic(Some(""), id));
        assert!(!is_of_another_topic(Some("set by hand"), id));
        assert!(!is_of_another_topic(Some(&commit_mark(id)), id));
        assert!(is_of_another_topic(Some(&commit_mark([8; 16])), id));
        let mut read = CommitMark::new(id);
        read.start = Some(3);
        assert!(!is_of_another_topic(Some(&read.to_string()), id));
    }

    #[test]
    fn a_mark_is_parsed_as_it_was_formatted() {
        let mut mark = CommitMark::new([0xab; 16]);
        mark.start = Some(0);
        mark.add_lost(40..60);
        mark.add_lost(80..81);
        let text = mark.to_string();
        assert!(text.ends_with(" start:0 lost:40-59,80-80"), "{text}");
        assert_eq!(CommitMark::parse(&text), Some(mark));
        assert_eq!(CommitMark::parse("topic-id:zz"), None);
        assert_eq!(CommitMark::parse(&format!("topic-id:{}", "é".repeat(16))), None);
    }

    #[test]
    fn lost_ranges_are_merged_and_their_number_is_bounded() {
        let mut mark = CommitMark::new([0; 16]);
        for range in [10..20, 15..25, 25..30, 40..50, 5..5] {
            mark.add_lost(range);
        }
        assert_eq!(mark.lost(), [10..30, 40..50]);
        for number in 0..i64::try_from(MOST_LOST).unwrap() {
            let start = i64::MAX / 2 + number * 10;
            mark.add_lost(start..start + 5);
        }
        assert_eq!((mark.lost().len(), mark.lost()[0].start), (MOST_LOST, 10));
        assert!(mark.to_string().len() < 4_096);
        assert_eq!(CommitMark::parse(&mark.to_string()), Some(mark));
    }
}
