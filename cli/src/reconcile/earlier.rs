//! Rows of an earlier topic: what a sink kept when its topic was deleted, created again and reset.
//!
//! A row says which offset it holds, not of which topic. So at each offset one row is taken off for each earlier topic that
//! went as far. Where that leaves none, the sink's position says whether the row is one of the topic that there is now.

/// Of a partition's rows (their offsets, sorted, repeated where rows are) those of the topic that there is now.
/// `earlier_at` says how many earlier topics may have a row at an offset, `holds` whether the sink was given the current
/// topic's record.
pub(crate) fn taken_off(
    rows: &[i64],
    earlier_at: impl Fn(i64) -> usize,
    holds: impl Fn(i64) -> bool,
) -> Vec<i64> {
    let mut ours = Vec::with_capacity(rows.len());
    for same in rows.chunk_by(|a, b| a == b) {
        let earlier = earlier_at(same[0]);
        let left = same.len().saturating_sub(earlier).max(usize::from(earlier > 0 && holds(same[0])));
        ours.extend(&same[..left]);
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_earlier_topic_every_row_counts() {
        assert_eq!(taken_off(&[0, 1, 1, 7], |_| 0, |_| false), [0, 1, 1, 7]);
    }

    #[test]
    fn rows_of_an_earlier_topic_are_taken_off_and_those_of_this_one_stay() {
        // The earlier topic had offsets 0 to 4, of which 3 was parked; this one has 0 to 5, of which 2 is not stored yet.
        let earlier_at = |offset| usize::from(offset < 5);
        let rows = [0, 0, 1, 1, 2, 3, 4, 4, 4, 5];
        assert_eq!(taken_off(&rows, earlier_at, |offset| offset != 2), [0, 1, 3, 4, 4, 5]);
    }
}
