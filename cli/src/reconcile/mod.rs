//! Reconciliation: every record that Kafka holds, and every row of every object, is stored or parked, and none twice.

pub(crate) mod books;
pub(crate) mod earlier;
pub(crate) mod ends;
pub(crate) mod fleet;
pub(crate) mod forecast;
pub(crate) mod inbox;
pub(crate) mod lake;
pub(crate) mod lost;
pub(crate) mod media;
pub(crate) mod objects;
pub(crate) mod oracle;
pub(crate) mod parked;
pub(crate) mod ranges;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod topic;
pub(crate) mod totals;

use positions::OffsetRanges;
use serde::Serialize;

use crate::stack::lag::OffsetRange;

/// What one lane of one topic came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) function: String,
    pub(crate) group: String,
    pub(crate) topic: String,
    /// Records that Kafka took, as far as they are still to be accounted for. Offsets without a record do not count.
    pub(crate) produced: i64,
    pub(crate) stored: i64,
    /// Of the stored ones, those whose key had a row already.
    pub(crate) repeated: i64,
    pub(crate) parked: i64,
    /// Neither stored nor parked.
    pub(crate) missing: i64,
    /// Stored more than once, or stored and parked.
    pub(crate) doubled: i64,
    /// Offsets that Kafka deleted before the lane had them.
    pub(crate) lost: i64,
    pub(crate) lost_offsets: Vec<OffsetRange>,
    /// What is wrong, with the offsets as `partition:first-last`.
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    /// A verdict without a finding yet.
    pub(crate) fn of(function: &str, group: &str, topic: &str) -> Self {
        let (function, group, topic) = (function.to_owned(), group.to_owned(), topic.to_owned());
        Self { function, group, topic, ..Self::default() }
    }

    /// Nothing is wrong.
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty() && self.missing == 0 && self.doubled == 0 && self.lost == 0
    }

    /// Adds a problem of one partition's offsets, if there are any.
    pub(crate) fn problem(&mut self, what: &str, partition: i32, offsets: &OffsetRanges) {
        if !offsets.is_empty() {
            self.problems.push(format!("{what}: {}", ranges::of_partition(partition, offsets)));
        }
    }

    /// Adds a problem if the sink refuses this partition because its topic was created again. `found_at` is the offset at which
    /// it noticed that.
    pub(crate) fn recreated(&mut self, partition: i32, found_at: Option<i64>) {
        if let Some(offset) = found_at {
            let (group, topic) = (&self.group, &self.topic);
            self.problems.push(format!(
                "the topic was created again (seen at {partition}:{offset}), and nothing of it is stored until \
                 `headwater offsets reset --group {group} --topic {topic}`"
            ));
        }
    }

    /// Adds offsets that Kafka deleted before the lane had them.
    pub(crate) fn lose(&mut self, partition: i32, offsets: &OffsetRanges) {
        self.lost += offsets.count();
        self.lost_offsets.extend(OffsetRange::all(partition, offsets.iter()));
        self.problem("lost, because Kafka deleted them before they were stored", partition, offsets);
    }
}
