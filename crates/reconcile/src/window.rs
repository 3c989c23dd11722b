//! Compares one lane with Kafka in a closed window of offsets.

use std::collections::{BTreeMap, BTreeSet};

use kafka::Ends;
use positions::{OffsetRanges, Position};

use crate::{
    Verdict,
    earlier::of_current_topic,
    offsets::{Offsets, intersection, within},
    produced::Produced,
};

/// The rows of a sink, which show the records that it has.
#[derive(Debug, Clone)]
pub enum Rows {
    /// A lake: one row per record. The offsets of the rows by partition, sorted; an offset appears once per row.
    EveryRecord(BTreeMap<i32, Vec<i64>>),
    /// A Postgres table with one row per key. A record without a row may have the key of another record. Offsets as
    /// above.
    EveryKey(BTreeMap<i32, Vec<i64>>),
    /// A totals table: its rows do not say which records they sum up. Only the position is known.
    Sum,
}

/// The state of one lane's sink.
#[derive(Debug, Clone)]
pub struct SinkState {
    /// The lane's position in each partition.
    pub positions: BTreeMap<i32, Position>,
    /// The sink's rows within the window.
    pub rows: Rows,
}

/// Compares one lane with Kafka in a window, and adds the differences to the verdict. `lost` are offsets that Kafka
/// deleted before the lane read them. `letters` returns the offsets with a dead letter for a partition and incarnation.
/// Returns the offsets that a table lane handled and for which it has no row.
pub fn judge(
    verdict: &mut Verdict,
    window: &Ends,
    produced: &Produced,
    sink: &SinkState,
    lost: &Offsets,
    (letters, compacted): (&dyn Fn(i32, i64) -> BTreeSet<i64>, bool),
) -> Offsets {
    let mut without_row = Offsets::new();
    let unread = Position::default();
    for (&partition, &span) in window {
        let position = sink.positions.get(&partition).unwrap_or(&unread);
        let here = |offsets: &Offsets| {
            intersection(offsets.get(&partition).unwrap_or(&OffsetRanges::default()), &within(span))
        };
        let (records, gone, lost) = (here(&produced.records), here(&produced.gone), here(lost));
        let parked = intersection(&position.parked, &within(span));
        let handled = within((span.0, span.1.min(position.next))).difference(&position.holes);
        verdict.recreated(partition, position.recreated);
        let rows = match &sink.rows {
            Rows::EveryRecord(rows) | Rows::EveryKey(rows) => rows.get(&partition).map(Vec::as_slice),
            Rows::Sum => None,
        };
        let rows = of_current_topic(rows.unwrap_or_default(), position);
        let with_row: OffsetRanges = rows.iter().copied().collect();
        let stored = match &sink.rows {
            Rows::EveryRecord(_) => with_row.clone(),
            // For records that Kafka has deleted since, only the position says whether they were stored.
            Rows::EveryKey(_) | Rows::Sum => {
                union(&intersection(&handled, &records), &intersection(&handled, &gone)).difference(&parked)
            }
        };
        let missing = records.difference(&stored).difference(&parked);
        let behind = intersection(&missing, &within((position.next, i64::MAX)));
        let lost = intersection(&gone, &lost).difference(&stored).difference(&parked);
        let doubled: OffsetRanges =
            rows.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        let repeated = rows.len() - usize::try_from(with_row.count()).unwrap_or(0);
        let both = intersection(&with_row, &parked);
        verdict.produced += union(&union(&stored, &parked), &missing).count();
        verdict.stored += stored.count();
        verdict.parked += parked.count();
        verdict.missing += missing.count();
        verdict.doubled += i64::try_from(repeated).unwrap_or(i64::MAX) + both.count();
        verdict.lose(partition, &lost);
        verdict.problem("behind: not handled yet", partition, &behind);
        verdict.problem("neither stored nor parked", partition, &missing.difference(&behind));
        verdict.problem("stored twice", partition, &doubled);
        verdict.problem("stored and parked", partition, &both);
        let letters: OffsetRanges = letters(partition, position.incarnation).into_iter().collect();
        verdict.problem("parked, but not among the parked records", partition, &parked.difference(&letters));
        let strangers = match &sink.rows {
            Rows::EveryRecord(_) if !compacted => with_row.difference(&records).difference(&gone),
            Rows::EveryKey(_) => with_row.difference(&handled),
            _ => OffsetRanges::default(),
        };
        verdict.problem("stored, but Kafka has no such record for this lane", partition, &strangers);
        if let Rows::EveryKey(_) = &sink.rows {
            let missing = stored.difference(&with_row).difference(&gone);
            if !missing.is_empty() {
                without_row.insert(partition, missing);
            }
        }
    }
    without_row
}

/// The offsets that are in at least one of the sets.
fn union(one: &OffsetRanges, other: &OffsetRanges) -> OffsetRanges {
    one.iter().chain(other.iter()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of all cases: offsets 10 to 19 of partition 0.
    const WINDOW: (i64, i64) = (10, 20);

    /// The state of Kafka and of a sink, and the dead letters.
    struct Case {
        records: Vec<i64>,
        gone: Vec<i64>,
        position: Position,
        rows: Rows,
        lost: Vec<i64>,
        letters: Vec<i64>,
        compacted: bool,
    }

    fn set(offsets: &[i64]) -> OffsetRanges {
        offsets.iter().copied().collect()
    }

    /// The rows of a lake in partition 0.
    fn lake(rows: &[i64]) -> Rows {
        Rows::EveryRecord([(0, rows.to_vec())].into())
    }

    fn position(next: i64) -> Position {
        Position { next, ..Position::default() }
    }

    impl Case {
        /// A lane that stored every record of the window and has read further.
        fn of(rows: Rows) -> Self {
            let records = (10..20).collect();
            Self {
                records,
                gone: vec![],
                position: position(25),
                rows,
                lost: vec![],
                letters: vec![],
                compacted: false,
            }
        }

        fn judge(self) -> (Verdict, Offsets) {
            let produced = Produced {
                records: [(0, set(&self.records))].into(),
                gone: [(0, set(&self.gone))].into(),
                ..Produced::default()
            };
            let sink = SinkState { positions: [(0, self.position)].into(), rows: self.rows };
            let mut verdict = Verdict::of("f", "g", "t");
            let letters = |_: i32, _: i64| self.letters.iter().copied().collect();
            let lost = [(0, set(&self.lost))].into();
            let window = [(0, WINDOW)].into();
            let without = judge(&mut verdict, &window, &produced, &sink, &lost, (&letters, self.compacted));
            (verdict, without)
        }

        fn verdict(self) -> Verdict {
            self.judge().0
        }
    }

    /// All offsets of the window.
    fn all() -> Vec<i64> {
        (10..20).collect()
    }

    #[test]
    fn a_window_holds_if_every_record_is_stored_once() {
        let verdict = Case::of(lake(&all())).verdict();
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!((verdict.produced, verdict.stored), (10, 10));
        let verdict = Case::of(Rows::Sum).verdict();
        assert!(verdict.holds() && verdict.stored == 10, "{verdict:?}");
    }

    #[test]
    fn offsets_without_a_record_are_not_counted() {
        let records = vec![10, 11, 14, 19];
        let rows = lake(&records);
        let verdict = Case { records: records.clone(), ..Case::of(rows) }.verdict();
        assert!(verdict.holds() && verdict.produced == 4, "{verdict:?}");
        let verdict = Case { records, ..Case::of(Rows::Sum) }.verdict();
        assert!(verdict.holds() && verdict.produced == 4, "{verdict:?}");
    }

    #[test]
    fn a_deleted_row_is_missing_and_a_duplicate_row_is_doubled() {
        let rows = [10, 11, 12, 13, 14, 15, 16, 18, 18, 19];
        let verdict = Case::of(lake(&rows)).verdict();
        assert_eq!((verdict.produced, verdict.stored, verdict.missing, verdict.doubled), (10, 9, 1, 1));
        assert_eq!(verdict.problems, ["neither stored nor parked: 0:17", "stored twice: 0:18"]);
    }

    #[test]
    fn a_lane_that_has_not_passed_the_window_is_behind() {
        let verdict = Case { position: position(17), ..Case::of(Rows::Sum) }.verdict();
        assert_eq!((verdict.missing, verdict.stored), (3, 7));
        assert_eq!(verdict.problems, ["behind: not handled yet: 0:17-19"]);
    }

    #[test]
    fn a_parked_record_counts_and_must_have_a_dead_letter() {
        let parked = Position { parked: set(&[12]), ..position(25) };
        let rows: Vec<i64> = all().into_iter().filter(|&offset| offset != 12).collect();
        let of = |letters| Case { position: parked.clone(), letters, ..Case::of(lake(&rows)) }.verdict();
        let verdict = of(vec![12]);
        assert!(verdict.holds() && verdict.parked == 1 && verdict.produced == 10, "{verdict:?}");
        assert!(of(vec![]).problems[0].contains("not among the parked records: 0:12"));
    }

    #[test]
    fn a_parked_record_that_was_redriven_since_is_stored_once() {
        // A dead letter is deleted after its record was stored, so it can still exist.
        for letters in [vec![], vec![12]] {
            let verdict = Case { letters, ..Case::of(lake(&all())) }.verdict();
            assert!(verdict.holds(), "{verdict:?}");
        }
    }

    #[test]
    fn deleted_offsets_are_lost_only_if_the_lane_had_to_read_them_and_did_not() {
        let (records, gone): (Vec<i64>, Vec<i64>) = ((15..20).collect(), (10..15).collect());
        let of = |rows: &[i64], lost: Vec<i64>| {
            Case { records: records.clone(), gone: gone.clone(), lost, ..Case::of(lake(rows)) }.verdict()
        };
        let verdict = of(&all(), gone.clone());
        assert!(verdict.holds() && verdict.stored == 10, "stored before it was deleted: {verdict:?}");
        let verdict = of(&records, gone.clone());
        assert_eq!((verdict.lost, verdict.missing), (5, 0));
        let verdict = of(&records, vec![]);
        assert!(verdict.holds() && verdict.produced == 5, "accepted, or never to be read: {verdict:?}");
    }

    #[test]
    fn a_row_without_a_record_in_kafka_is_a_problem_unless_the_topic_is_compacted() {
        let records: Vec<i64> = all().into_iter().filter(|&offset| offset != 13).collect();
        let of = |compacted| Case { records: records.clone(), compacted, ..Case::of(lake(&all())) }.verdict();
        assert!(of(false).problems[0].contains("no such record for this lane: 0:13"));
        assert!(of(true).holds());
    }

    #[test]
    fn rows_of_an_earlier_topic_are_ignored() {
        let position = Position { incarnation: 1, earlier: vec![15], ..position(25) };
        let mut rows = all();
        rows.extend(10..15);
        rows.sort_unstable();
        let verdict = Case { position, ..Case::of(lake(&rows)) }.verdict();
        assert!(verdict.holds() && verdict.stored == 10, "{verdict:?}");
    }

    #[test]
    fn a_table_record_without_a_row_is_returned_for_the_check_by_key() {
        let rows: Vec<i64> = all().into_iter().filter(|&offset| offset != 16).collect();
        let (verdict, without_row) = Case::of(Rows::EveryKey([(0, rows)].into())).judge();
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!(without_row, [(0, set(&[16]))].into());
    }

    #[test]
    fn a_topic_that_was_created_again_does_not_hold() {
        let position = Position { recreated: Some(3), ..position(25) };
        let verdict = Case { position, ..Case::of(lake(&all())) }.verdict();
        assert!(verdict.problems[0].contains("created again"), "{verdict:?}");
    }
}
