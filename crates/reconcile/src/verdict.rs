//! What is said of one lane.

use std::{fmt, ops::Range};

use positions::OffsetRanges;
use serde::Serialize;

use crate::ranges;

/// Consecutive offsets of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OffsetRange {
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
}

impl OffsetRange {
    /// One for each of a partition's ranges.
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

/// What one lane of one topic came to.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// The function, by its folder's name.
    pub function: String,
    /// Its consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Records that Kafka took, as far as they are still to be accounted for. Offsets without a record do not count.
    pub produced: i64,
    /// Records stored.
    pub stored: i64,
    /// Of the stored ones, those whose key had a row already.
    pub repeated: i64,
    /// Records parked and not stored since.
    pub parked: i64,
    /// Neither stored nor parked.
    pub missing: i64,
    /// Stored more than once, or stored and parked.
    pub doubled: i64,
    /// Offsets that Kafka deleted before the lane had them.
    pub lost: i64,
    /// Which ones.
    pub lost_offsets: Vec<OffsetRange>,
    /// What is wrong, with the offsets as `partition:first-last`.
    pub problems: Vec<String>,
}

impl Verdict {
    /// A verdict without a finding yet.
    #[must_use]
    pub fn of(function: &str, group: &str, topic: &str) -> Self {
        let (function, group, topic) = (function.to_owned(), group.to_owned(), topic.to_owned());
        Self { function, group, topic, ..Self::default() }
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.missing == 0 && self.doubled == 0 && self.lost == 0
    }

    /// Adds a problem of one partition's offsets, if there are any.
    pub fn problem(&mut self, what: &str, partition: i32, offsets: &OffsetRanges) {
        if !offsets.is_empty() {
            self.problems.push(format!("{what}: {}", ranges::of_partition(partition, offsets)));
        }
    }

    /// Adds a problem if the sink refuses this partition because its topic was created again. `found_at` is the offset at which
    /// it noticed that.
    pub fn recreated(&mut self, partition: i32, found_at: Option<i64>) {
        if let Some(offset) = found_at {
            let (group, topic) = (&self.group, &self.topic);
            self.problems.push(format!(
                "the topic was created again (seen at {partition}:{offset}), and nothing of it is stored until \
                 `headwater offsets reset --group {group} --topic {topic}`"
            ));
        }
    }

    /// Adds offsets that Kafka deleted before the lane had them.
    pub fn lose(&mut self, partition: i32, offsets: &OffsetRanges) {
        self.lost += offsets.count();
        self.lost_offsets.extend(OffsetRange::all(partition, offsets.iter()));
        self.problem("lost, because Kafka deleted them before they were stored", partition, offsets);
    }
}
