//! Checks the S3 lanes: compares the objects of their buckets with the rows of their tables.
//!
//! Every object is read again with the decoder of its function. Each row must be stored, superseded by a newer row of
//! the same key, ignored, or parked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use dead_letters::{ParkedObject, Source};
use serde::Serialize;
use tokio_postgres::Client;
use warehouse::search::CANNOT_HOLD;

/// Largest number of problems that a verdict names.
const NAMED: usize = 10;

/// Result for one S3 lane.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ObjectVerdict {
    /// Name of the function, or of the lane.
    pub(crate) function: String,
    /// Bucket of the objects.
    pub(crate) bucket: String,
    /// Objects that were checked: those that the list of files names, or all objects of the inbox.
    pub(crate) objects: u64,
    /// Objects that are parked as a whole. Includes files that the list names and that do not exist.
    pub(crate) objects_parked: u64,
    /// Rows in the current versions of the objects.
    pub(crate) rows: u64,
    /// Rows that are in a table.
    pub(crate) stored: u64,
    /// Rows that are not stored because a newer row has the same key.
    pub(crate) superseded: u64,
    /// Rows of types that the function does not store.
    pub(crate) ignored: u64,
    /// Rows that are parked.
    pub(crate) parked: u64,
    /// Differences, one line each. Holds at most [`NAMED`] entries.
    pub(crate) problems: Vec<String>,
    /// Number of further problems.
    pub(crate) more_problems: u64,
}

impl ObjectVerdict {
    /// Makes a verdict without objects.
    pub(crate) fn of(function: &str, bucket: &str) -> Self {
        Self { function: function.to_owned(), bucket: bucket.to_owned(), ..Self::default() }
    }

    /// Whether there is no problem and every row is accounted for.
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty() && self.rows == self.stored + self.superseded + self.ignored + self.parked
    }

    /// Adds a problem, or only counts it if there are [`NAMED`] already.
    pub(crate) fn problem(&mut self, problem: String) {
        if self.problems.len() < NAMED {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    /// Compares one object with its entry in the registry and with its parked records, and adds the result.
    ///
    /// `version` is the object's current version, and `read` its current content. Whether the rows are in the table is
    /// checked by the caller.
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
                "{key}: its content gives {expected:?} (state, good, ignored, parked), but the registry has {found:?}"
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
                "{key}: {} of its {} bad parts are among the parked records, and {} parts that are not bad",
                letters.intersection(&wanted).count(),
                wanted.len(),
                letters.difference(&wanted).count()
            ));
        }
    }
}

/// Content of an object as the function's decoder reads it.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Number of rows that belong in a table.
    pub(crate) good: u64,
    /// Number of rows of types that are not stored.
    pub(crate) ignored: u64,
    /// Indices of the elements that belong among the parked records: the decoder or the table refuses them, or they are
    /// too long.
    pub(crate) parked: Vec<u64>,
    /// Whether the object is missing or cannot be read to its end.
    pub(crate) damaged: bool,
    /// Whether the object itself is one row (an event of the inbox) and that row is bad.
    pub(crate) is_bad_row: bool,
}

impl Rows {
    fn rows_parked(&self) -> u64 {
        self.parked.len() as u64 + u64::from(self.is_bad_row)
    }
}

/// Entry of an object in the registry (table `processed_objects`).
#[derive(Debug)]
pub(crate) struct RegistryRow {
    /// Version of the object that was processed last. Empty if the object did not exist.
    pub(crate) version: String,
    /// `processed`, `parked` or `unfinished`.
    pub(crate) state: String,
    /// Number of rows stored, ignored and parked.
    good: u64,
    ignored: u64,
    parked: u64,
}

/// Registry entries and parked records of one lane and bucket.
#[derive(Debug)]
pub(crate) struct Books {
    /// Registry entries by key of the object.
    pub(crate) entries: BTreeMap<String, RegistryRow>,
    /// Parked elements by key of the object: indices in its array, or `None` for the object as a whole.
    pub(crate) letters: BTreeMap<String, BTreeSet<Option<u64>>>,
    /// The subset of `letters` that the decoder accepts, but whose values a table cannot hold.
    refused: BTreeMap<String, BTreeSet<Option<u64>>>,
}

impl Books {
    /// Whether a table refused this element (`None`: the object as a whole). The decoder alone would accept it.
    pub(crate) fn is_refused(&self, key: &str, index: Option<u64>) -> bool {
        self.refused.get(key).is_some_and(|indices| indices.contains(&index))
    }
}

/// Reads the registry entries of one lane and bucket, and selects its parked records from `letters`.
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
                "k: 0 of its 1 bad parts are among the parked records, and 0 parts that are not bad",
            ),
        ] {
            assert_eq!(verdict.problems, [problem]);
        }
    }
}
