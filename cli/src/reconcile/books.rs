//! The ledger's side: what each sink in Postgres was given, as its own books say, against what Kafka took.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::Context as _;
use tokio_postgres::Transaction;

use super::{Verdict, ends::Ends};

/// One partition's books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) next: i64,
    pub(crate) holes: Vec<Range<i64>>,
    pub(crate) holes_forgotten: i64,
    pub(crate) stored: i64,
    pub(crate) parked_count: i64,
    pub(crate) parked: BTreeSet<i64>,
    pub(crate) incarnation: i64,
}

impl Books {
    /// Whether this record is part of the totals.
    pub(crate) fn counted(&self, offset: i64) -> bool {
        offset < self.next
            && !self.parked.contains(&offset)
            && !self.holes.iter().any(|hole| hole.contains(&offset))
    }
}

/// The books of a group in a topic, by partition.
pub(crate) async fn read(
    transaction: &Transaction<'_>,
    group: &str,
    topic: &str,
) -> anyhow::Result<BTreeMap<i32, Books>> {
    let mut books: BTreeMap<i32, Books> = BTreeMap::new();
    let rows = transaction
        .query(
            "SELECT o.partition, o.next_offset, o.holes_forgotten, o.records_stored, o.records_parked, \
             coalesce(array_agg(lower(h)) FILTER (WHERE h IS NOT NULL), '{}'), \
             coalesce(array_agg(upper(h)) FILTER (WHERE h IS NOT NULL), '{}'), o.incarnation \
             FROM kafka_offsets o LEFT JOIN LATERAL unnest(o.holes) AS h ON true \
             WHERE o.consumer_group = $1 AND o.topic = $2 GROUP BY o.consumer_group, o.topic, o.partition",
            &[&group, &topic],
        )
        .await
        .context("cannot read kafka_offsets")?;
    for row in rows {
        let (lower, upper): (Vec<i64>, Vec<i64>) = (row.get(5), row.get(6));
        let holes = lower.into_iter().zip(upper).map(|(start, end)| start..end).collect();
        books.insert(
            row.get(0),
            Books {
                next: row.get(1),
                holes,
                holes_forgotten: row.get(2),
                stored: row.get(3),
                parked_count: row.get(4),
                parked: BTreeSet::new(),
                incarnation: row.get(7),
            },
        );
    }
    let rows = transaction
        .query(
            "SELECT partition, record_offset FROM kafka_parked WHERE consumer_group = $1 AND topic = $2",
            &[&group, &topic],
        )
        .await
        .context("cannot read kafka_parked")?;
    for row in rows {
        books.entry(row.get(0)).or_default().parked.insert(row.get(1));
    }
    Ok(books)
}

/// Holds the books against what Kafka took.
pub(crate) fn judge(
    verdict: &mut Verdict,
    all: &BTreeMap<i32, Books>,
    ends: &Ends,
    letters: &dyn Fn(i32, i64) -> BTreeSet<i64>,
) {
    for (&partition, &(beginning, end)) in ends {
        let books = all.get(&partition).cloned().unwrap_or_default();
        // The books may know more than Kafka had when we asked.
        let end = end.max(books.next);
        let inside = |hole: &Range<i64>| hole.start.max(beginning)..hole.end.max(beginning);
        // What expired before the group came by is nobody's.
        let expired: i64 =
            books.holes.iter().map(|hole| hole.end.min(beginning) - hole.start.min(beginning)).sum();
        let expired = if books.next == 0 { beginning } else { expired };
        let missing: Vec<i64> =
            books.holes.iter().flat_map(inside).chain(books.next.max(beginning)..end).collect();
        let produced = end - expired;
        let lost = i64::try_from(missing.len()).unwrap_or(i64::MAX);
        let surplus = books.stored + books.parked_count - (produced - lost);
        let letters = letters(partition, books.incarnation);
        let without_letter: Vec<i64> = books.parked.difference(&letters).copied().collect();
        verdict.produced += produced;
        verdict.stored += books.stored;
        verdict.parked += books.parked_count;
        verdict.missing += lost + (-surplus).max(0);
        verdict.doubled += surplus.max(0);
        verdict.problem("neither stored nor parked", partition, &missing);
        verdict.problem("parked, but not among the parked records", partition, &without_letter);
        if surplus != 0 {
            verdict.problems.push(format!(
                "the ledger counts {} stored and {} parked of {} delivered in partition {partition}",
                books.stored,
                books.parked_count,
                produced - lost
            ));
        }
        if books.holes_forgotten != 0 {
            verdict
                .problems
                .push(format!("{} holes of partition {partition} were forgotten", books.holes_forgotten));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(books: Books, ends: (i64, i64)) -> Verdict {
        let mut verdict = Verdict::default();
        judge(&mut verdict, &[(0, books)].into(), &[(0, ends)].into(), &|_, _| [1].into());
        verdict
    }

    #[test]
    fn stored_and_parked_make_up_what_was_produced() {
        let books = Books { next: 3, stored: 2, parked_count: 1, parked: [1].into(), ..Books::default() };
        assert!(verdict(books, (0, 3)).holds());
    }

    #[test]
    fn a_hole_is_missing_and_a_surplus_is_doubled() {
        let holed = Books { next: 3, stored: 2, holes: std::iter::once(1..2).collect(), ..Books::default() };
        assert_eq!(verdict(holed, (0, 3)).missing, 1);
        let surplus = Books { next: 3, stored: 4, ..Books::default() };
        assert_eq!(verdict(surplus, (0, 3)).doubled, 1);
    }

    #[test]
    fn what_expired_before_the_group_came_is_nobodys() {
        let books = Books { next: 9, stored: 4, holes: std::iter::once(0..5).collect(), ..Books::default() };
        assert!(verdict(books, (5, 9)).holds());
    }

    #[test]
    fn a_group_that_never_began_misses_everything() {
        let verdict = verdict(Books::default(), (2, 5));
        assert_eq!((verdict.produced, verdict.missing, verdict.doubled), (3, 3, 0));
    }
}
