//! Sets of offsets as ranges. A million consecutive offsets take as much memory as one.

use std::ops::Range;

/// A set of offsets: sorted, disjoint, non-empty ranges, of which no two are adjacent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetRanges(Vec<Range<i64>>);

impl OffsetRanges {
    /// Whether `offset` is in the set.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let index = self.0.partition_point(|range| range.end <= offset);
        self.0.get(index).is_some_and(|range| range.start <= offset)
    }

    /// Adds all offsets of a range. An empty range changes nothing.
    pub fn insert(&mut self, added: Range<i64>) {
        if added.is_empty() {
            return;
        }
        // All ranges that overlap or touch the added one are merged with it.
        let from = self.0.partition_point(|range| range.end < added.start);
        let to = self.0.partition_point(|range| range.start <= added.end);
        let joined = self.0[from..to]
            .iter()
            .fold(added, |joined, range| joined.start.min(range.start)..joined.end.max(range.end));
        self.0.splice(from..to, [joined]);
    }

    /// Removes all offsets of a range.
    pub fn remove(&mut self, removed: &Range<i64>) {
        if removed.is_empty() {
            return;
        }
        let from = self.0.partition_point(|range| range.end <= removed.start);
        let to = self.0.partition_point(|range| range.start < removed.end);
        let Some((first, last)) = self.0[from..to].first().zip(self.0[from..to].last()) else { return };
        let rest = [first.start..removed.start, removed.end..last.end];
        self.0.splice(from..to, rest.into_iter().filter(|part| !part.is_empty()));
    }

    /// Adds one offset.
    pub fn insert_one(&mut self, offset: i64) {
        self.insert(offset..offset.saturating_add(1));
    }

    /// Removes one offset.
    pub fn remove_one(&mut self, offset: i64) {
        self.remove(&(offset..offset.saturating_add(1)));
    }

    /// Removes and returns the range with the lowest offsets.
    pub fn pop_first(&mut self) -> Option<Range<i64>> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Returns the offsets of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for range in &other.0 {
            rest.remove(range);
        }
        rest
    }

    /// The ranges, in ascending order.
    #[must_use = "an iterator does nothing by itself"]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Range<i64>> + ExactSizeIterator {
        self.0.iter()
    }

    /// Every offset, in ascending order.
    #[must_use = "an iterator does nothing by itself"]
    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        self.0.iter().cloned().flatten()
    }

    /// The number of ranges, not of offsets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of offsets.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Range<i64>> for OffsetRanges {
    fn from_iter<T: IntoIterator<Item = Range<i64>>>(ranges: T) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

impl FromIterator<i64> for OffsetRanges {
    fn from_iter<T: IntoIterator<Item = i64>>(offsets: T) -> Self {
        offsets.into_iter().map(|offset| offset..offset.saturating_add(1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_contain_the_same_offsets_as_a_set(steps in proptest::collection::vec((any::<bool>(), 0..80_i64, 0..12_i64), 1..60)) {
            let (mut ranges, mut model) = (OffsetRanges::default(), BTreeSet::new());
            for (adds, start, len) in steps {
                let range = start..start + len;
                if adds {
                    ranges.insert(range.clone());
                    model.extend(range);
                } else {
                    ranges.remove(&range);
                    model.retain(|offset| !range.contains(offset));
                }
                prop_assert!(ranges.offsets().eq(model.iter().copied()), "{ranges:?} {model:?}");
                let sorted = ranges.0.windows(2).all(|pair| pair[0].end < pair[1].start);
                prop_assert!(sorted && ranges.iter().all(|range| !range.is_empty()), "{ranges:?}");
                prop_assert_eq!(ranges.count(), i64::try_from(model.len()).unwrap());
            }
            prop_assert!((0..100).all(|offset| ranges.contains(offset) == model.contains(&offset)));
        }

        #[test]
        fn a_difference_has_the_offsets_of_the_first_set_only(a in proptest::collection::btree_set(0..60_i64, 0..40), b in proptest::collection::btree_set(0..60_i64, 0..40)) {
            let ranges = |set: &BTreeSet<i64>| set.iter().copied().collect::<OffsetRanges>();
            let rest = ranges(&a).difference(&ranges(&b));
            prop_assert!(rest.offsets().eq(a.difference(&b).copied()));
        }
    }
}
