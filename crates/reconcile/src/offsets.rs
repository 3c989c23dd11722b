//! Sets of offsets.

use std::collections::BTreeMap;

use positions::OffsetRanges;

/// Sets of offsets by partition.
pub type Offsets = BTreeMap<i32, OffsetRanges>;

/// All offsets from 0 to below `end`.
#[must_use]
pub fn below(end: i64) -> OffsetRanges {
    std::iter::once(0..end).collect()
}

/// All offsets from `beginning` to below `end`.
#[must_use]
pub fn within((beginning, end): (i64, i64)) -> OffsetRanges {
    std::iter::once(beginning..end).collect()
}

/// The offsets that are in both sets.
#[must_use]
pub fn intersection(one: &OffsetRanges, other: &OffsetRanges) -> OffsetRanges {
    one.difference(&one.difference(other))
}
