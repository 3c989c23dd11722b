//! What one attempt to store a batch leaves known to the next.

use std::collections::BTreeSet;

use warehouse::search;

use crate::decoded::RecordIndex;

/// Poison by the record's place.
pub(crate) type Refused = search::Refused<RecordIndex>;
/// What a search came to.
pub(crate) type Found = search::Found<RecordIndex>;

/// Records of which the table cannot hold some.
pub(crate) struct Suspects {
    /// Those that were never tried, in their order.
    pub(crate) new: Vec<RecordIndex>,
    /// Those that were parked by an earlier delivery, and are tried again.
    pub(crate) parked_before: Vec<RecordIndex>,
}

/// What is known from attempts before.
#[derive(Default)]
pub(crate) struct Known {
    /// What the table cannot hold.
    pub(crate) refused: Refused,
    /// What was parked, and in which incarnation of its position.
    pub(crate) parked: BTreeSet<(RecordIndex, i64)>,
    /// Runs of records that can be stored one after the other where they cannot be together.
    pub(crate) runs: Vec<Vec<RecordIndex>>,
    /// Whether to store by `runs`.
    pub(crate) in_runs: bool,
    /// Records from this one on are left for the next delivery.
    pub(crate) end: Option<RecordIndex>,
    /// Records that an earlier delivery parked. They stay parked: there is no time to try them again.
    pub(crate) left_parked: BTreeSet<RecordIndex>,
    /// How often records were looked through.
    pub(crate) searches: u32,
}

impl Known {
    /// Takes what a search found. What it had no time for is left: of the new records all from the first one on, so that the
    /// watermark stays before them.
    pub(crate) fn learn(&mut self, suspects: &Suspects, found: Found) {
        self.searches += 1;
        self.refused.extend(found.refused);
        (self.runs, self.in_runs) = (found.runs, false);
        self.end = suspects.new.get(found.looked_at).copied().or(self.end);
        let left = found.looked_at.saturating_sub(suspects.new.len());
        self.left_parked.extend(suspects.parked_before.iter().skip(left));
    }
}
