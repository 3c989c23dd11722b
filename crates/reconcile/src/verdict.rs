//! The result of comparing one lane.

use std::{fmt, ops::Range};

use positions::OffsetRanges;
use serde::Serialize;

use crate::ranges;

/// A range of consecutive offsets in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OffsetRange {
    /// The partition's number.
    pub partition: i32,
    /// The first offset.
    pub first: i64,
    /// The last offset, included.
    pub last: i64,
}

impl OffsetRange {
    /// Converts the ranges of one partition.
    #[must_use]
    pub fn all<'a>(partition: i32, ranges: impl IntoIterator<Item = &'a Range<i64>>) -> Vec<Self> {
        let ranges = ranges.into_iter();
        ranges.map(|range| Self { partition, first: range.start, last: range.end - 1 }).collect()
    }
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.partition, self.first, self.last)
    }
}

/// The result of comparing one lane of one topic. All counts are records.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// The function, by the name of its folder.
    pub function: String,
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Records in Kafka that the lane must account for. Offsets without a record do not count.
    pub produced: i64,
    /// Records stored.
    pub stored: i64,
    /// Of the stored records, those whose key had a row already.
    pub repeated: i64,
    /// Records that were parked and not stored since.
    pub parked: i64,
    /// Records that are neither stored nor parked.
    pub missing: i64,
    /// Records that are stored more than once, or both stored and parked.
    pub doubled: i64,
    /// Offsets that Kafka deleted before the lane read them.
    pub lost: i64,
    /// The ranges that [`Self::lost`] counts.
    pub lost_offsets: Vec<OffsetRange>,
    /// The differences as text, with offsets as `partition:first-last`.
    pub problems: Vec<String>,
}

impl Verdict {
    /// An empty verdict for a lane.
    #[must_use]
    pub fn of(function: &str, group: &str, topic: &str) -> Self {
        let (function, group, topic) = (function.to_owned(), group.to_owned(), topic.to_owned());
        Self { function, group, topic, ..Self::default() }
    }

    /// Whether nothing is missing, doubled or lost, and there is no other problem.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.missing == 0 && self.doubled == 0 && self.lost == 0
    }

    /// Adds a problem with offsets of one partition, as `what: partition:offsets`. Does nothing if `offsets`
    /// is empty.
    pub fn problem(&mut self, what: &str, partition: i32, offsets: &OffsetRanges) {
        if !offsets.is_empty() {
            self.problems.push(format!("{what}: {}", ranges::of_partition(partition, offsets)));
        }
    }

    /// Adds a problem if the sink refuses the partition because its topic was recreated. `found_at` is the offset at
    /// which the sink noticed that.
    pub fn recreated(&mut self, partition: i32, found_at: Option<i64>) {
        if let Some(offset) = found_at {
            let (group, topic) = (&self.group, &self.topic);
            self.problems.push(format!(
                "the topic was created again (seen at {partition}:{offset}), and no record of it is stored until \
                 `headwater offsets reset --group {group} --topic {topic}`"
            ));
        }
    }

    /// Adds offsets that Kafka deleted before the lane read them.
    pub fn lose(&mut self, partition: i32, offsets: &OffsetRanges) {
        self.lost += offsets.count();
        self.lost_offsets.extend(OffsetRange::all(partition, offsets.iter()));
        self.problem("lost, because Kafka deleted them before they were stored", partition, offsets);
    }
}
