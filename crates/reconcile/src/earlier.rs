//! Filters out rows of an earlier topic. They stay in a sink when its topic is deleted, created again and reset.
//!
//! A row holds an offset, but not which topic it came from. So at each offset, one row is left out per earlier topic
//! that reached this offset. If no row would be left, the sink's position decides: if it says that the current topic's
//! record is stored, one row counts.

use positions::Position;

/// Returns the rows of the current topic. `rows` are the offsets of one partition's rows: sorted, and an offset appears
/// once per row.
#[must_use]
pub fn of_current_topic(rows: &[i64], position: &Position) -> Vec<i64> {
    let mut ours = Vec::with_capacity(rows.len());
    for same in rows.chunk_by(|a, b| a == b) {
        let earlier = position.earlier_at(same[0]);
        let at_least = usize::from(earlier > 0 && position.is_stored(same[0]));
        ours.extend(&same[..same.len().saturating_sub(earlier).max(at_least)]);
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_earlier_topic_every_row_counts() {
        assert_eq!(of_current_topic(&[0, 1, 1, 7], &Position::default()), [0, 1, 1, 7]);
    }

    #[test]
    fn rows_of_an_earlier_topic_are_left_out_and_those_of_the_current_topic_stay() {
        // The earlier topic had offsets 0 to 4, of which 3 was parked. This one has 0 to 5, of which 2 is not
        // stored yet.
        let holes = [2].into_iter().collect();
        let position = Position { next: 6, holes, earlier: vec![5], ..Position::default() };
        let rows = [0, 0, 1, 1, 2, 3, 4, 4, 4, 5];
        assert_eq!(of_current_topic(&rows, &position), [0, 1, 3, 4, 4, 5]);
    }
}
