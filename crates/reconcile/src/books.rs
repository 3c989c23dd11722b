//! Compares the ledger of a Postgres lane (`kafka_offsets`, `kafka_parked`) with the offsets in Kafka.

use std::collections::{BTreeMap, BTreeSet};

use kafka::Ends;
use positions::{OffsetRanges, Position};
use warehouse::{Client, WarehouseError};

use crate::{
    ReconcileError, Verdict,
    offsets::{Offsets, below, intersection, within},
    topic::{Found, InspectedTopic},
};

/// The ledger entries of a consumer group in one partition.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// The group's position.
    pub position: Position,
    /// The number of holes that were dropped because there were too many (`positions::MAX_HOLES`).
    pub holes_forgotten: i64,
    /// The number of records stored since the last reset.
    pub stored: i64,
    /// The number of records parked and not stored since.
    pub parked: i64,
}

impl Books {
    /// The offsets that Kafka has and the ledger does not. `end` is read before the ledger, so the watermark may be
    /// above it.
    fn open(&self, (beginning, end): (i64, i64)) -> OffsetRanges {
        let end = end.max(self.position.next);
        let mut open = self.position.holes.clone();
        open.insert(self.position.next..end);
        intersection(&open, &within((beginning, end)))
    }

    /// The offsets from `beginning` on that the ledger counts as stored or parked. `beginning` is the oldest offset in
    /// Kafka.
    #[must_use]
    pub fn handled(&self, beginning: i64) -> OffsetRanges {
        within((beginning, self.position.next)).difference(&self.position.holes)
    }

    /// The offsets that the ledger counts as stored or parked and that Kafka has deleted.
    fn expired(&self, beginning: i64) -> OffsetRanges {
        below(beginning.min(self.position.next)).difference(&self.position.holes)
    }
}

/// Reads the ledger entries of a group in a topic, by partition. Read the rows to compare in the same
/// snapshot ([`in_snapshot`](crate::in_snapshot)).
///
/// # Errors
/// [`ReconcileError::Warehouse`] if a query fails.
pub async fn read(client: &Client, group: &str, topic: &str) -> Result<BTreeMap<i32, Books>, ReconcileError> {
    let mut books: BTreeMap<i32, Books> = BTreeMap::new();
    let rows = client
        .query(
            "SELECT o.partition, o.next_offset, o.holes_forgotten, o.records_stored, o.records_parked, \
             coalesce(array_agg(lower(h)) FILTER (WHERE h IS NOT NULL), '{}'), \
             coalesce(array_agg(upper(h)) FILTER (WHERE h IS NOT NULL), '{}'), o.incarnation, o.earlier, o.recreated \
             FROM kafka_offsets o LEFT JOIN LATERAL unnest(o.holes) AS h ON true \
             WHERE o.consumer_group = $1 AND o.topic = $2 GROUP BY o.consumer_group, o.topic, o.partition",
            &[&group, &topic],
        )
        .await
        .map_err(WarehouseError::statement("read kafka_offsets"))?;
    for row in rows {
        let (lower, upper): (Vec<i64>, Vec<i64>) = (row.get(5), row.get(6));
        let position = Position {
            next: row.get(1),
            holes: lower.into_iter().zip(upper).map(|(start, end)| start..end).collect(),
            incarnation: row.get(7),
            earlier: row.get(8),
            recreated: row.get(9),
            ..Position::default()
        };
        let (holes_forgotten, stored, parked) = (row.get(2), row.get(3), row.get(4));
        books.insert(row.get(0), Books { position, holes_forgotten, stored, parked });
    }
    let rows = client
        .query(
            "SELECT partition, record_offset FROM kafka_parked WHERE consumer_group = $1 AND topic = $2 \
             ORDER BY partition, record_offset",
            &[&group, &topic],
        )
        .await
        .map_err(WarehouseError::statement("read kafka_parked"))?;
    for row in rows {
        books.entry(row.get(0)).or_default().position.parked.insert_one(row.get(1));
    }
    Ok(books)
}

/// The offsets that were looked up in Kafka for [`judge`].
#[derive(Debug, Default)]
pub struct Seen {
    /// For the offsets that the ledger does not have: which ones hold a record.
    open: BTreeMap<i32, Found>,
    /// The minimum and maximum number of records that the ledger must count, by partition.
    bounds: BTreeMap<i32, (i64, i64)>,
}

/// Looks up in Kafka the offsets that the ledger does not have. If the ledger's count differs from the number
/// of its offsets, looks up those offsets too: some may hold no record.
///
/// # Errors
/// [`ReconcileError`] if Kafka cannot be read.
pub async fn look_up(
    topic: &mut InspectedTopic<'_>,
    all: &BTreeMap<i32, Books>,
) -> Result<Seen, ReconcileError> {
    let none = Books::default();
    let books = |partition: i32| all.get(&partition).unwrap_or(&none);
    let partitions: Vec<(i32, (i64, i64))> =
        topic.ends.iter().map(|(&number, &ends)| (number, ends)).collect();
    let open = partitions.iter().map(|&(number, ends)| (number, books(number).open(ends))).collect();
    let mut seen = Seen { open: topic.look_up(&open).await?, bounds: BTreeMap::new() };
    for (number, ends) in partitions {
        let books = books(number);
        let (handled, expired) = (books.handled(ends.0), books.expired(ends.0));
        let all = handled.count() + expired.count();
        let mut bounds = (all, all);
        if books.stored + books.parked != all || topic.has_gap(number, &handled) {
            let found = topic.look_up(&Offsets::from([(number, handled.clone())])).await?;
            let records = found.get(&number).map_or(0, |found| found.records.count() + found.gone.count());
            let gapless = records == handled.count();
            // An offset that held a record when it was delivered may be compacted away since.
            let most = if !gapless && topic.is_compacted().await? { handled.count() } else { records };
            // For expired offsets, the lake says how many were records. Without a lake: no gaps if the others have
            // none.
            let least = match topic.records(number, &expired) {
                0 if gapless && records > 0 => expired.count(),
                known => known,
            };
            bounds = (records + least, most + expired.count());
        }
        seen.bounds.insert(number, bounds);
    }
    Ok(seen)
}

/// Compares the ledger with the offsets in Kafka and adds the differences to the verdict. `letters` returns
/// the offsets with a dead letter for a partition and incarnation.
pub fn judge(
    verdict: &mut Verdict,
    all: &BTreeMap<i32, Books>,
    ends: &Ends,
    seen: &Seen,
    letters: &dyn Fn(i32, i64) -> BTreeSet<i64>,
) {
    let (no_books, nothing) = (Books::default(), Found::default());
    for &partition in ends.keys() {
        let books = all.get(&partition).unwrap_or(&no_books);
        let Found { records: missing, gone } = seen.open.get(&partition).unwrap_or(&nothing);
        let (least, most) = seen.bounds.get(&partition).copied().unwrap_or_default();
        let counted = books.stored + books.parked;
        let delivered = counted.clamp(least, most);
        let surplus = counted - delivered;
        let Position { parked, incarnation, recreated, .. } = &books.position;
        let letters: OffsetRanges = letters(partition, *incarnation).into_iter().collect();
        verdict.produced += delivered + missing.count();
        verdict.stored += books.stored;
        verdict.parked += books.parked;
        verdict.missing += missing.count() + (-surplus).max(0);
        verdict.doubled += surplus.max(0);
        verdict.lose(partition, gone);
        verdict.recreated(partition, *recreated);
        verdict.problem("neither stored nor parked", partition, missing);
        verdict.problem("parked, but not among the parked records", partition, &parked.difference(&letters));
        if surplus != 0 {
            verdict.problems.push(format!(
                "the ledger counts {} stored and {} parked of {delivered} delivered in partition {partition}",
                books.stored, books.parked,
            ));
        }
        // Dropped holes are no fault if every record is counted. Then they were transaction markers.
        if surplus != 0 && books.holes_forgotten != 0 {
            verdict
                .problems
                .push(format!("{} holes of partition {partition} were forgotten", books.holes_forgotten));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topic in Kafka with a record at each offset from `beginning` on, except at the offsets in `empty`.
    fn verdict_with_gaps(books: Books, ends: (i64, i64), empty: &[i64]) -> Verdict {
        let empty: OffsetRanges = empty.iter().copied().collect();
        let records = books.open(ends).difference(&empty);
        let (handled, expired) = (books.handled(ends.0), books.expired(ends.0).count());
        let filled = handled.difference(&empty).count();
        let least = if filled < handled.count() { filled } else { filled + expired };
        let seen = Seen {
            open: [(0, Found { records, ..Found::default() })].into(),
            bounds: [(0, (least, filled + expired))].into(),
        };
        let mut verdict = Verdict::default();
        judge(&mut verdict, &[(0, books)].into(), &[(0, ends)].into(), &seen, &|_, _| [1].into());
        verdict
    }

    /// The ledger of a lane that has read up to `next`, except one hole, and has stored so many records.
    fn books(next: i64, stored: i64, holes: std::ops::Range<i64>) -> Books {
        let holes = std::iter::once(holes).collect();
        Books { position: Position { next, holes, ..Position::default() }, stored, ..Books::default() }
    }

    /// The verdict if each offset has a record.
    fn verdict(books: Books, ends: (i64, i64)) -> Verdict {
        verdict_with_gaps(books, ends, &[])
    }

    #[test]
    fn offsets_without_a_record_are_neither_missing_nor_produced() {
        let books = books(12, 9, 10..11);
        let of_gaps = verdict_with_gaps(books.clone(), (0, 13), &[4, 5, 10, 12]);
        assert!(of_gaps.holds(), "{of_gaps:?}");
        assert_eq!((of_gaps.produced, of_gaps.stored), (9, 9));
        assert_eq!(verdict_with_gaps(books.clone(), (0, 13), &[4, 10, 12]).missing, 1);
        assert_eq!(verdict_with_gaps(books, (0, 13), &[4, 5, 6, 10, 12]).doubled, 1);
    }

    #[test]
    fn deleted_offsets_may_have_had_gaps_only_if_the_others_have() {
        let books = books(100, 90, 0..0);
        assert!(verdict_with_gaps(books.clone(), (50, 100), &[60]).holds());
        assert!(!verdict(books, (50, 100)).holds(), "no gap is known");
    }

    #[test]
    fn stored_and_parked_records_together_are_the_produced_ones() {
        let mut books = Books { parked: 1, ..books(3, 2, 0..0) };
        books.position.parked.insert_one(1);
        assert!(verdict(books, (0, 3)).holds());
    }

    #[test]
    fn a_hole_counts_as_missing_and_a_surplus_as_doubled() {
        let holed = books(3, 2, 1..2);
        assert_eq!(verdict(holed, (0, 3)).missing, 1);
        let surplus = books(3, 4, 0..0);
        assert_eq!(verdict(surplus, (0, 3)).doubled, 1);
    }

    #[test]
    fn offsets_deleted_before_the_group_started_are_not_counted() {
        let books = books(9, 4, 0..5);
        assert!(verdict(books, (5, 9)).holds());
    }

    #[test]
    fn without_a_position_every_record_is_missing() {
        let verdict = verdict(Books::default(), (2, 5));
        assert_eq!((verdict.produced, verdict.missing, verdict.doubled), (3, 3, 0));
    }
}
