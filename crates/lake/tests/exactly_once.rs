//! A record is handled once and stored at most once, however deliveries are cut, repeated, lost and reordered.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use lake::{app_id, changed_app_versions, position_from_app_versions, reset_app_versions};
use positions::{Handled, Identity, MAX_HOLES, Origin, Position, Refusal, TopicRecreated, span};
use proptest::prelude::*;

/// A topic. Its number makes its records different from those of other topics.
fn identity_in(topic: i64, offset: i64) -> Identity {
    Identity::of(topic, None, Some(&offset.to_le_bytes()))
}

/// Delivers `offsets` of `topic`. The ones for which `is_bad` is true are parked. Returns what was stored and what was
/// parked.
fn deliver(
    position: &mut Position,
    origin: Origin,
    offsets: &[i64],
    is_bad: impl Fn(i64) -> bool,
) -> (Vec<i64>, Vec<i64>) {
    let identity = |index: usize| identity_in(0, offsets[index]);
    let accepted = position.accept(origin, offsets.iter().copied(), identity).unwrap();
    let decided = accepted.indices.len() + accepted.uncertain.len() + accepted.refused.len();
    assert_eq!(decided + usize::try_from(accepted.duplicates).unwrap(), offsets.len());
    let mut handled: Vec<Handled> = accepted
        .indices
        .iter()
        .map(|&index| Handled { index, offset: offsets[index], parked: is_bad(offsets[index]) })
        .chain(accepted.uncertain.iter().map(|&index| Handled {
            index,
            offset: offsets[index],
            parked: true,
        }))
        .collect();
    handled.sort_by_key(|record| record.index);
    position.advance(origin, &span(offsets.iter().copied()), &handled, identity);
    let of = |parked: bool| handled.iter().filter(|h| h.parked == parked).map(|h| h.offset).collect();
    (of(false), of(true))
}

fn good(_: i64) -> bool {
    false
}

fn kafka(position: &mut Position, offsets: impl IntoIterator<Item = i64>) -> Vec<i64> {
    deliver(position, Origin::Kafka, &offsets.into_iter().collect::<Vec<_>>(), good).0
}

fn holes(position: &Position) -> Vec<(i64, i64)> {
    position.holes.iter().map(|hole| (hole.start, hole.end)).collect()
}

#[test]
fn a_first_delivery_leaves_all_before_it_open() {
    let mut position = Position::default();
    kafka(&mut position, 500..510);
    assert_eq!((position.next, holes(&position)), (510, vec![(0, 500)]));
    assert_eq!(kafka(&mut position, 0..500).len(), 500);
    assert!(position.holes.is_empty());
}

#[test]
fn a_delivery_that_comes_after_its_successor_is_stored_once() {
    let mut position = Position::default();
    kafka(&mut position, 0..10);
    kafka(&mut position, 20..30);
    assert_eq!(kafka(&mut position, 5..25), (10..20).collect::<Vec<_>>());
    assert_eq!((position.next, holes(&position)), (30, vec![]));
}

#[test]
fn a_gap_inside_a_delivery_is_no_hole() {
    let mut position = Position::default();
    kafka(&mut position, 0..50);
    kafka(&mut position, (60..260).step_by(2));
    assert_eq!(holes(&position), vec![(50, 60)], "only the gap before the delivery is open");
    assert_eq!(
        kafka(&mut position, 50..60).len(),
        10,
        "the batch that was given up is stored when it comes back"
    );
    assert!(position.uncertain.is_empty());
}

#[test]
fn a_delivery_across_a_hole_shows_that_nothing_was_in_it() {
    let mut position = Position::default();
    kafka(&mut position, 0..10);
    kafka(&mut position, 20..30);
    // At 10 to 19 there was only a transaction marker.
    kafka(&mut position, [9, 20]);
    assert!(position.holes.is_empty());
}

#[test]
fn one_offset_twice_in_a_delivery_counts_once() {
    let mut position = Position::default();
    assert_eq!(kafka(&mut position, [3, 3, 4]), [3, 4]);
}

#[test]
fn a_recreated_topic_is_noticed_with_any_timestamps() {
    let mut position = Position::default();
    let old = |index: usize| Identity::of(i64::MAX, None, Some(&index.to_le_bytes()));
    let handled: Vec<_> =
        (0..100).map(|n| Handled { index: usize::try_from(n).unwrap(), offset: n, parked: false }).collect();
    position.advance(Origin::Kafka, &(0..100), &handled, old);
    // The old records have timestamps in the far future; the new ones are older.
    let new = |index: usize| Identity::of(5, None, Some(&index.to_le_bytes()));
    for length in 1..40 {
        let error = position.accept(Origin::Kafka, 0..length, new).unwrap_err();
        assert!(error.offset == 0 && error.to_string().contains("offsets reset"), "{error}");
    }
    // Every delivery that spans a power of two contains a sample.
    let error = position.accept(Origin::Kafka, 60..64, new).unwrap_err();
    assert_eq!(position.accept(Origin::Kafka, 0..100, old).unwrap().duplicates, 100);
    // After it was noticed, a delivery without a sample is refused too, instead of counting as known.
    assert_eq!(position.accept(Origin::Kafka, 70..80, new).unwrap().duplicates, 10);
    let noticed = position.of_recreated_topic(&error);
    assert!(noticed.accept(Origin::Kafka, 70..80, new).is_err());
    let letters = Origin::Redrive { incarnation: 0, include_uncertain: false };
    assert!(noticed.accept(letters, [70], old).is_ok(), "letters of the earlier topic are still its own");
    assert_eq!(noticed.reset().accept(Origin::Kafka, 70..80, new).unwrap().indices.len(), 10);
}

#[test]
fn a_reset_remembers_how_far_earlier_topics_went() {
    let mut position = Position::default();
    kafka(&mut position, 0..100);
    let mut position = position.reset().reset();
    kafka(&mut position, 0..30);
    let position = position.reset();
    assert_eq!(position.incarnation, 3);
    let earlier: Vec<usize> = [0, 29, 30, 99, 100].map(|offset| position.earlier_at(offset)).to_vec();
    assert_eq!(earlier, [2, 2, 1, 1, 0], "a reset of a position that never moved leaves nothing behind");
}

#[test]
fn records_of_forgotten_holes_are_parked_and_never_dropped() {
    let mut position = Position::default();
    let count = 2 * i64::try_from(MAX_HOLES).unwrap() + 10;
    let mut stored = BTreeSet::new();
    for delivery in 0..count {
        stored.extend(kafka(&mut position, [delivery * 10]));
    }
    assert_eq!(position.holes.len(), MAX_HOLES);
    assert!(!position.uncertain.is_empty());
    for delivery in 0..count {
        let offsets: Vec<i64> = (delivery * 10 + 1..delivery * 10 + 10).collect();
        let (more, parked) = deliver(&mut position, Origin::Kafka, &offsets, good);
        assert_eq!(more.len() + parked.len(), if delivery * 10 < position.next { offsets.len() } else { 9 });
        stored.extend(more);
        // The same delivery again changes nothing.
        assert_eq!(deliver(&mut position, Origin::Kafka, &offsets, good), (vec![], vec![]));
    }
}

#[test]
fn a_parked_record_of_the_uncertain_range_is_stored_only_on_request() {
    let mut position = Position { next: 100, uncertain: 10..50, ..Position::default() };
    assert_eq!(deliver(&mut position, Origin::Kafka, &[20], good), (vec![], vec![20]));
    let redrive = |include_uncertain| Origin::Redrive { incarnation: 0, include_uncertain };
    let refused = position.accept(redrive(false), [20], |_| identity_in(0, 20)).unwrap().refused;
    assert_eq!(refused, [(0, Refusal::Uncertain)]);
    assert_eq!(deliver(&mut position, redrive(true), &[20], good), (vec![20], vec![]));
    assert_eq!(deliver(&mut position, redrive(true), &[20], good), (vec![], vec![]));
}

#[test]
fn a_letter_from_before_a_reset_is_refused_and_touches_nothing() {
    let mut position = Position::default();
    deliver(&mut position, Origin::Kafka, &[0, 1, 2], |offset| offset == 1);
    let mut position = position.reset();
    deliver(&mut position, Origin::Kafka, &[0, 1, 2, 3], |offset| offset == 1);
    let before = position.clone();
    let stale = Origin::Redrive { incarnation: 0, include_uncertain: true };
    let accepted = position.accept(stale, [1], |_| identity_in(7, 1)).unwrap();
    assert_eq!(accepted.refused, [(0, Refusal::EarlierTopic)]);
    assert_eq!(deliver(&mut position, stale, &[1], good), (vec![], vec![]));
    assert_eq!(position, before);
    let current = Origin::Redrive { incarnation: 1, include_uncertain: false };
    assert_eq!(deliver(&mut position, current, &[1], good), (vec![1], vec![]));
}

#[test]
fn a_redrive_of_scattered_letters_moves_neither_watermark_nor_holes() {
    let mut position = Position::default();
    deliver(&mut position, Origin::Kafka, &(0..100).collect::<Vec<_>>(), |offset| offset % 10 == 3);
    kafka(&mut position, 200..210);
    let redrive = Origin::Redrive { incarnation: 0, include_uncertain: false };
    let letters = [3, 93, 150, 300];
    let refused = position.accept(redrive, letters, |_| identity_in(0, 0)).unwrap().refused;
    assert_eq!(refused, [(3, Refusal::NotReached)]);
    assert_eq!(deliver(&mut position, redrive, &letters, good), (vec![3, 93, 150], vec![]));
    assert_eq!((position.next, holes(&position)), (210, vec![(100, 150), (151, 200)]));
}

/// Deliveries of ranges of one partition: any start, any length, any order. There are few enough to stay below the
/// maximum number of holes.
fn deliveries() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((0..300_i64, 1..40_i64), 1..40)
}

/// The offsets that hold a record. The others are markers, or were compacted away.
fn exists(offset: i64) -> bool {
    offset % 11 != 5
}

proptest! {
    #[test]
    fn each_record_is_stored_once_for_any_batches(deliveries in deliveries(), heal_after in 0..40_usize) {
        let id = app_id("g", "t", 0);
        let mut kept = BTreeMap::<String, i64>::new();
        let (mut stored, mut parked, mut seen) = (BTreeMap::<i64, u32>::new(), BTreeSet::new(), BTreeSet::new());
        for (round, &(start, len)) in deliveries.iter().enumerate() {
            let offsets: Vec<i64> = (start..start + len).filter(|&offset| exists(offset)).collect();
            // The position is written and read each time, as between two invocations.
            let before = position_from_app_versions(&id, &kept);
            let mut after = before.clone();
            let (newly, bad) = deliver(&mut after, Origin::Kafka, &offsets, |offset| round < heal_after && offset % 10 == 3);
            for offset in newly {
                *stored.entry(offset).or_default() += 1;
                parked.remove(&offset);
            }
            parked.extend(bad);
            kept.extend(changed_app_versions(&id, &before, &after, &kept));
            seen.extend(offsets);
        }
        prop_assert!(stored.values().all(|&times| times == 1), "{stored:?}");
        let mut ends: BTreeSet<i64> = stored.keys().copied().collect();
        ends.extend(&parked);
        prop_assert_eq!(ends, seen);
    }

    #[test]
    fn a_position_survives_its_storage_and_a_reset_of_it(deliveries in proptest::collection::vec((0..6_000_i64, 1..200_i64), 1..80)) {
        let id = app_id("g", "t", 12);
        let mut position = Position::default();
        let mut kept: BTreeMap<String, i64> = [("headwater/g/t/1".to_owned(), 7), ("headwater/g/t/120".to_owned(), 9)].into();
        for (start, len) in deliveries {
            let before = position.clone();
            let offsets: Vec<i64> = (start..start + len).collect();
            deliver(&mut position, Origin::Kafka, &offsets, |offset| offset % 3 == 0 || offset % 1_000 < 200);
            kept.extend(changed_app_versions(&id, &before, &position, &kept));
            prop_assert_eq!(&position_from_app_versions(&id, &kept), &position);
            prop_assert_eq!((kept["headwater/g/t/1"], kept["headwater/g/t/120"]), (7, 9));
        }
        let noticed = position.of_recreated_topic(&TopicRecreated { offset: 0 });
        kept.extend(changed_app_versions(&id, &position, &noticed, &kept));
        prop_assert_eq!(&position_from_app_versions(&id, &kept), &noticed);
        kept.insert("headwater/g/t2/1".to_owned(), 5);
        let (partitions, versions) = reset_app_versions("g", "t", &kept);
        prop_assert_eq!(partitions, [1, 12, 120]);
        kept.extend(versions);
        prop_assert_eq!(position_from_app_versions(&id, &kept), position.reset());
        prop_assert_eq!((kept["headwater/g/t/120"], kept["headwater/g/t2/1"]), (0, 5));
    }
}
