//! Reconciliation: every record that Kafka holds, and every row of every object, is stored or parked, and none twice.

pub(crate) mod books;
pub(crate) mod ends;
pub(crate) mod fleet;
pub(crate) mod inbox;
pub(crate) mod lake;
pub(crate) mod media;
pub(crate) mod objects;
pub(crate) mod oracle;
pub(crate) mod parked;
pub(crate) mod ranges;
mod records;
pub(crate) mod table;
pub(crate) mod totals;

use serde::Serialize;

/// What one lane of one topic came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) function: String,
    pub(crate) group: String,
    pub(crate) topic: String,
    /// Records that Kafka took, as far as they are still to be accounted for.
    pub(crate) produced: i64,
    pub(crate) stored: i64,
    /// Of the stored ones, those whose key had a row already.
    pub(crate) repeated: i64,
    pub(crate) parked: i64,
    /// Neither stored nor parked.
    pub(crate) missing: i64,
    /// Stored more than once, or stored and parked.
    pub(crate) doubled: i64,
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
        self.problems.is_empty() && self.missing == 0 && self.doubled == 0
    }

    /// Adds a problem of one partition's offsets, if there are any.
    pub(crate) fn problem(&mut self, what: &str, partition: i32, offsets: &[i64]) {
        if !offsets.is_empty() {
            self.problems.push(format!("{what}: {}", ranges::of_partition(partition, offsets)));
        }
    }
}
