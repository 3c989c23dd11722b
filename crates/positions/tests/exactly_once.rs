//! However deliveries are cut, repeated, lost and reordered: a record is handled once, and stored at most once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use positions::{
    Arrival, Handled, Position, app_id, changed_app_versions, position_from_app_versions, reset_app_versions,
};
use proptest::prelude::*;

/// Deliveries of stretches of one partition: any start, any length, in any order. Few enough to stay within the bound
/// on holes.
fn deliveries() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((0..300_i64, 1..40_i64), 1..40)
}

fn stretch((start, len): (i64, i64)) -> Vec<Arrival> {
    (start..start + len).map(|offset| Arrival { offset, timestamp_ms: offset / 7 }).collect()
}

/// Records whose offset ends in 3 are bad until `healed`.
fn is_bad(offset: i64, healed: bool) -> bool {
    !healed && offset % 10 == 3
}

proptest! {
    #[test]
    fn each_record_is_stored_once_whatever_the_cuts(deliveries in deliveries(), heal_after in 0..40_usize) {
        let id = app_id("g", "t", 0);
        let mut kept = BTreeMap::<String, i64>::new();
        let (mut stored, mut parked, mut seen) = (BTreeMap::<i64, u32>::new(), BTreeSet::new(), BTreeSet::new());
        for (round, &delivery) in deliveries.iter().enumerate() {
            let arrivals = stretch(delivery);
            // The position goes through its storage each time, as it does between invocations.
            let offsets = arrivals.iter().map(|arrival| arrival.offset);
            let before = position_from_app_versions(&id, offsets, |id| kept.get(id).copied());
            let accepted = before.accept(arrivals.iter().copied()).unwrap();
            prop_assert_eq!(accepted.indices.len() + usize::try_from(accepted.duplicates).unwrap(), arrivals.len());
            let handled: Vec<_> = accepted.indices.iter().map(|&index| {
                let Arrival { offset, timestamp_ms } = arrivals[index];
                Handled { offset, timestamp_ms, parked: is_bad(offset, round >= heal_after) }
            }).collect();
            for record in &handled {
                if record.parked { parked.insert(record.offset); } else {
                    *stored.entry(record.offset).or_default() += 1;
                    parked.remove(&record.offset);
                }
            }
            let mut after = before.clone();
            prop_assert_eq!(after.advance(handled), 0);
            let changes = changed_app_versions(&id, &before, &after, |id| kept.get(id).copied());
            kept.extend(changes);
            seen.extend(arrivals.iter().map(|arrival| arrival.offset));
        }
        prop_assert!(stored.values().all(|&times| times == 1), "{stored:?}");
        let mut ends: BTreeSet<i64> = stored.keys().copied().collect();
        ends.extend(&parked);
        prop_assert_eq!(ends, seen);
    }

    #[test]
    fn a_position_survives_its_storage(deliveries in deliveries()) {
        let id = app_id("g", "t", 12);
        let mut position = Position::default();
        let mut kept = BTreeMap::<String, i64>::new();
        for &delivery in &deliveries {
            let before = position.clone();
            let open: Vec<_> = stretch(delivery).into_iter().filter(|a| position.is_open(a.offset)).collect();
            position.advance(open.iter().map(|a| Handled { offset: a.offset, timestamp_ms: a.timestamp_ms, parked: a.offset % 3 == 0 }));
            kept.extend(changed_app_versions(&id, &before, &position, |id| kept.get(id).copied()));
        }
        prop_assert_eq!(position_from_app_versions(&id, 0..400, |id| kept.get(id).copied()), position);
        kept.extend(reset_app_versions(&id, kept.keys().map(String::as_str).collect::<Vec<_>>()));
        prop_assert_eq!(position_from_app_versions(&id, 0..400, |id| kept.get(id).copied()), Position::default());
    }
}
