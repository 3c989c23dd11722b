//! The S3 lanes: what their buckets hold now against what the tables hold.
//!
//! Every object is read again by the functions' own decoders, and what they give is followed to the row: stored, or
//! superseded by a newer one of the same key, or ignored, or parked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use dead_letters::{ParkedObject, Source};
use serde::Serialize;
use tokio_postgres::Client;
use warehouse::search::CANNOT_HOLD;

/// How many problems are named.
const NAMED: usize = 10;

/// What one S3 lane came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ObjectVerdict {
    pub(crate) function: String,
    pub(crate) bucket: String,
    /// Objects that are to be accounted for: listed ones, and those that lie in the inbox.
    pub(crate) objects: u64,
    /// Objects that are parked as a whole, listed ones that are not there included.
    pub(crate) objects_parked: u64,
    /// Rows of the objects as they are now.
    pub(crate) rows: u64,
    /// Rows that a table holds.
    pub(crate) stored: u64,
    /// Rows that gave way to a newer one of the same key.
    pub(crate) superseded: u64,
    pub(crate) ignored: u64,
    pub(crate) parked: u64,
    pub(crate) problems: Vec<String>,
    /// Problems beyond those that are named.
    pub(crate) more_problems: u64,
}

impl ObjectVerdict {
    /// A verdict without a finding yet.
    pub(crate) fn of(function: &str, bucket: &str) -> Self {
        Self { function: function.to_owned(), bucket: bucket.to_owned(), ..Self::default() }
    }

    /// Nothing is wrong.
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty() && self.rows == self.stored + self.superseded + self.ignored + self.parked
    }

    pub(crate) fn problem(&mut self, problem: String) {
        if self.problems.len() < NAMED {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    /// Holds one object against its entry in the registry and its dead letters. `read` is what is in it now.
    pub(crate) fn compare(&mut self, key: &str, version: &str, read: &Rows, books: &Books) {
        self.objects += 1;
        self.rows += read.good + read.ignored + read.rows_parked();
        self.ignored += read.ignored;
        self.parked += read.rows_parked();
        self.objects_parked += u64::from(read.damaged);
        let Some(entry) = books.entries.get(key) else {
            return self.problem(format!("{key}: not processed"));
        };
        if entry.version != version {
            return self.problem(format!("{key}: its current version is not processed"));
        }
        if entry.state == "unfinished" {
            return self.problem(format!("{key}: not finished"));
        }
        let expected =
            (if read.damaged { "parked" } else { "processed" }, read.good, read.ignored, read.rows_parked());
        let found = (entry.state.as_str(), entry.good, entry.ignored, entry.parked);
        if expected != found {
            self.problem(format!(
                "{key}: holds {expected:?} (state, good, ignored, parked), registered are {found:?}"
            ));
        }
        let none = BTreeSet::new();
        let letters = books.letters.get(key).unwrap_or(&none);
        let mut wanted: BTreeSet<Option<u64>> = read.parked.iter().copied().map(Some).collect();
        if read.damaged {
            wanted.insert(None);
        }
        if *letters != wanted {
            self.problem(format!(
                "{key}: {} of its {} bad parts are among the parked records, and {} that are none",
                letters.intersection(&wanted).count(),
                wanted.len(),
                letters.difference(&wanted).count()
            ));
        }
    }
}

/// What an object holds, by the function's own decoder.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) good: u64,
    pub(crate) ignored: u64,
    /// Indices of bad elements.
    pub(crate) parked: Vec<u64>,
    /// The object, or its end, cannot be read.
    pub(crate) damaged: bool,
    /// Whether the object is one row itself, and that one is parked with it.
    pub(crate) is_bad_row: bool,
}

impl Rows {
    fn rows_parked(&self) -> u64 {
        self.parked.len() as u64 + u64::from(self.is_bad_row)
    }
}

/// One object's entry in the registry.
#[derive(Debug)]
pub(crate) struct RegistryRow {
    pub(crate) version: String,
    pub(crate) state: String,
    good: u64,
    ignored: u64,
    parked: u64,
}

/// What the lane has written down.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) entries: BTreeMap<String, RegistryRow>,
    /// Indices of dead letters by object; none for the object as a whole.
    pub(crate) letters: BTreeMap<String, BTreeSet<Option<u64>>>,
    /// Of these letters, those of elements that are valid by themselves but that the tables refused.
    refused: BTreeMap<String, BTreeSet<Option<u64>>>,
}

impl Books {
    /// Whether the tables refused this element, or the object as a whole.
    pub(crate) fn is_refused(&self, key: &str, index: Option<u64>) -> bool {
        self.refused.get(key).is_some_and(|indices| indices.contains(&index))
    }
}

/// Reads the registry and the dead letters of one lane and bucket.
pub(crate) async fn books(
    client: &Client,
    letters: &[ParkedObject],
    lane: &str,
    bucket: &str,
) -> anyhow::Result<Books> {
    let rows = client
        .query(
            "SELECT key, version, state, rows_good, rows_ignored, rows_parked FROM processed_objects \
             WHERE bucket = $1 AND lane = $2",
            &[&bucket, &lane],
        )
        .await
        .context("cannot read the registry of processed objects")?;
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    let entry = |row: &tokio_postgres::Row| RegistryRow {
        version: row.get(1),
        state: row.get(2),
        good: number(row.get(3)),
        ignored: number(row.get(4)),
        parked: number(row.get(5)),
    };
    let entries = rows.iter().map(|row| (row.get(0), entry(row))).collect();
    let mut by_object: BTreeMap<String, BTreeSet<Option<u64>>> = BTreeMap::new();
    let mut refused = by_object.clone();
    for record in letters.iter().flat_map(|object| object.records.iter().flatten()) {
        if let Source::Object { bucket: of, key, index } = &record.source
            && record.lane == lane
            && of == bucket
        {
            by_object.entry(key.clone()).or_default().insert(*index);
            if record.reason.starts_with(CANNOT_HOLD) {
                refused.entry(key.clone()).or_default().insert(*index);
            }
        }
    }
    Ok(Books { entries, letters: by_object, refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(state: &str, letters: &[Option<u64>]) -> Books {
        let entry = RegistryRow { version: "v".into(), state: state.into(), good: 2, ignored: 1, parked: 1 };
        Books {
            entries: [("k".to_owned(), entry)].into(),
            letters: [("k".to_owned(), letters.iter().copied().collect())].into(),
            refused: BTreeMap::new(),
        }
    }

    fn compared(version: &str, books: &Books) -> ObjectVerdict {
        let mut verdict = ObjectVerdict::of("f", "b");
        let rows = Rows { good: 2, ignored: 1, parked: vec![3], ..Rows::default() };
        verdict.compare("k", version, &rows, books);
        verdict.stored = 2;
        verdict
    }

    #[test]
    fn an_object_whose_rows_are_all_accounted_for_holds() {
        assert!(compared("v", &books("processed", &[Some(3)])).holds());
    }

    #[test]
    fn a_new_version_an_unfinished_object_and_a_missing_letter_are_named() {
        for (verdict, problem) in [
            (compared("w", &books("processed", &[Some(3)])), "k: its current version is not processed"),
            (compared("v", &books("unfinished", &[Some(3)])), "k: not finished"),
            (
                compared("v", &books("processed", &[])),
                "k: 0 of its 1 bad parts are among the parked records, and 0 that are none",
            ),
        ] {
            assert_eq!(verdict.problems, [problem]);
        }
    }
}
