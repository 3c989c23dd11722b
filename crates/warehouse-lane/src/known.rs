//! The knowledge that one attempt to store a batch passes to the next one.

use std::collections::BTreeSet;

use warehouse::search;

use crate::decoded::RecordIndex;

/// The records that cannot be stored, with the reason, by their place.
pub(crate) type Refused = search::Refused<RecordIndex>;
/// The result of a search for records that the table refuses.
pub(crate) type Found = search::Found<RecordIndex>;

/// A set of records of which the table refuses at least one.
pub(crate) struct Suspects {
    /// The records that were never tried before, in order.
    pub(crate) new: Vec<RecordIndex>,
    /// The records that an earlier delivery parked and that are tried again.
    pub(crate) parked_before: Vec<RecordIndex>,
}

/// The knowledge from earlier attempts.
#[derive(Default)]
pub(crate) struct Known {
    /// The records that the table refuses, with the reason.
    pub(crate) refused: Refused,
    /// The records that were parked, each with the incarnation of its position.
    pub(crate) parked: BTreeSet<(RecordIndex, i64)>,
    /// Runs of records: the records of one run can be stored in one statement, those of two runs perhaps not.
    pub(crate) runs: Vec<Vec<RecordIndex>>,
    /// Whether to store each of `runs` in its own statement.
    pub(crate) in_runs: bool,
    /// The first record that is left for the next delivery. `None` if all are handled in this one.
    pub(crate) end: Option<RecordIndex>,
    /// Records that an earlier delivery parked and that stay parked, because there is no time to try them again.
    pub(crate) left_parked: BTreeSet<RecordIndex>,
    /// The number of searches so far.
    pub(crate) searches: u32,
}

impl Known {
    /// Adds the result of a search. Records that it had no time for are left out. From the first new one on, all
    /// records are left for the next delivery, so that the watermark stays before them.
    pub(crate) fn learn(&mut self, suspects: &Suspects, found: Found) {
        self.searches += 1;
        self.refused.extend(found.refused);
        (self.runs, self.in_runs) = (found.runs, false);
        self.end = suspects.new.get(found.looked_at).copied().or(self.end);
        let left = found.looked_at.saturating_sub(suspects.new.len());
        self.left_parked.extend(suspects.parked_before.iter().skip(left));
    }
}
