//! Makes sample media files (JSON arrays of songs, movies and apps) and the keys for the list of files.

use std::io::Write as _;

use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::Object;

/// The words of random names. Some need care: quotation marks, apostrophes, and characters outside ASCII.
const WORDS: [&str; 16] = [
    "Blue",
    "Karmacoma",
    "O'Neil",
    "Ocean's",
    "Star",
    "Wars:",
    "Amélie",
    "千と千尋",
    "Toy",
    "Story",
    "Massive",
    "Geometry",
    "Dash",
    "8½",
    "\"Live\"",
    "The",
];

/// Original languages of movies (ISO 639-1).
const LANGUAGES: [&str; 3] = ["en", "fr", "ja"];

/// The number of files with defects or unusual content. With `dirty`, they are the first files of a run, so a run
/// needs at least this many files to have all of them.
pub(crate) const TRAPS: usize = 12;

/// Iterator over the files of one run. Each file is made when it is needed, because all of them may not fit in
/// memory.
pub(crate) struct Files {
    rng: StdRng,
    /// Prefix of all keys.
    run: String,
    /// Number of rows per file.
    rows: usize,
    /// Whether the first [`TRAPS`] files are defective or unusual.
    dirty: bool,
    /// Number of the next file.
    next: usize,
    /// Number of files.
    total: usize,
}

impl Files {
    /// Makes `total` files of `rows` elements with the prefix `run`. With `dirty`, the first [`TRAPS`] of them have
    /// defects that occur in real files. The same seed gives the same files.
    pub(crate) fn new(seed: u64, run: &str, total: usize, rows: usize, dirty: bool) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), run: run.to_owned(), rows, dirty, next: 0, total }
    }

    /// The keys for the list of files. With `dirty`, the last key names a file that does not exist.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = (0..self.total).map(|number| self.key(number)).collect();
        if self.dirty {
            keys.push(format!("{}/missing.json", self.run));
        }
        keys
    }

    /// The key of a file. With `dirty`, one key has characters that URLs must escape, and one file is gzipped.
    fn key(&self, number: usize) -> String {
        let plain = format!("{}/{number:05}.json", self.run);
        if !self.dirty {
            return plain;
        }
        match number {
            7 => format!("{}/with space+plus 100% ü.json", self.run),
            8 => format!("{plain}.gz"),
            _ => plain,
        }
    }

    /// A JSON array of random rows, with the row `odd` in the middle if there is one. Rows are written one by one,
    /// because a file may have a gigabyte and a tree of JSON values would need several times that.
    fn array(&mut self, odd: Option<&Value>) -> Vec<u8> {
        let mut array = vec![b'['];
        let mut push = |row: &Value| {
            if array.len() > 1 {
                array.push(b',');
            }
            // Writing to memory cannot fail.
            let _ = write!(array, "{row}");
        };
        for number in 0..self.rows {
            if let Some(odd) = odd.filter(|_| number == self.rows / 2) {
                push(odd);
            }
            push(&row(&mut self.rng));
        }
        array.push(b']');
        array
    }

    /// The content of a file. With `dirty`: 0 is truncated, 1 is an object instead of an array, 2 is not JSON, 3
    /// is empty, 8 is gzipped, and others have an unusual row ([`odd`]).
    fn body(&mut self, number: usize) -> Vec<u8> {
        match number {
            0 if self.dirty => {
                let mut whole = self.array(None);
                whole.truncate(whole.len() - whole.len() / 3);
                whole
            }
            1 if self.dirty => row(&mut self.rng).to_string().into_bytes(),
            2 if self.dirty => b"this is no JSON at all".to_vec(),
            3 if self.dirty => Vec::new(),
            8 if self.dirty => gzipped(&self.array(None)),
            _ => self.array(odd(number).filter(|_| self.dirty).as_ref()),
        }
    }
}

/// The unusual row of file `number`: without data, with an invalid date, with nulls and an unknown field, with a
/// rating in text, of an unknown type, or with a misspelt field. `None` if the file has none.
fn odd(number: usize) -> Option<Value> {
    Some(match number {
        4 => json!({"type": "song"}),
        5 => {
            json!({"type": "movie", "data": {"original_title": "Bad Day", "original_language": "en", "budget": 1,
            "is_adult": false, "release_date": "not-a-date"}})
        }
        6 => {
            json!({"type": "song", "data": {"artist_name": "Nobody", "title": "Never", "year": null, "release": null,
            "label": "an extra field"}})
        }
        9 => json!({"type": "app", "data": {"name": "Huge", "genre": "Games", "version": "1", "rating": "5",
            "size_bytes": 1}}),
        10 => json!({"type": "podcast", "data": {"title": "of no interest"}}),
        11 => json!({"type": "movie", "data": {"original_title:": "Star Wars: The Force Awakens",
            "original_language": "en", "budget": 245_000_000, "is_adult": false, "release_date": "2015-12-15"}}),
        _ => return None,
    })
}

impl Iterator for Files {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        let number = self.next;
        if number == self.total {
            return None;
        }
        self.next += 1;
        Some(Object { key: self.key(number), body: self.body(number) })
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// A random name of 1 to `most` words.
fn words(rng: &mut impl Rng, most: usize) -> String {
    let number = rng.random_range(1..=most);
    (0..number).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}

/// A random row. There are few distinct names, so that rows with the same key occur more than once.
fn row(rng: &mut impl Rng) -> Value {
    match rng.random_range(0..3) {
        0 => json!({"type": "song", "data": {
            "artist_name": words(rng, 2),
            "title": format!("{} {}", words(rng, 3), rng.random_range(0..500)),
            // 0 means unknown, as in 44 % of the real songs.
            "year": if rng.random_bool(0.44) { 0 } else { rng.random_range(1950..2026) },
            "release": words(rng, 3),
        }}),
        1 => json!({"type": "movie", "data": {
            "original_title": format!("{} {}", words(rng, 3), rng.random_range(0..200)),
            "original_language": LANGUAGES[rng.random_range(0..LANGUAGES.len())],
            "budget": rng.random_range(0..400_000_000_u64),
            "is_adult": rng.random_bool(0.01),
            "release_date": format!("{}-{:02}-{:02}", rng.random_range(1960..2026), rng.random_range(1..13), rng.random_range(1..29)),
        }}),
        _ => json!({"type": "app", "data": {
            "name": format!("{} {}", words(rng, 4), rng.random_range(0..300)),
            "genre": "Games",
            "version": format!("{}.{}", rng.random_range(0..10), rng.random_range(0..20)),
            "rating": if rng.random_bool(0.3) { json!(rng.random_range(1..=5)) } else { json!(f64::from(rng.random_range(2..=10)) / 2.0) },
            // Some values need more than 32 bits.
            "size_bytes": if rng.random_bool(0.01) { 4_025_969_664_u64 } else { rng.random_range(1_000..900_000_000) },
        }}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_set_of_files() {
        let files = || Files::new(7, "run", 3, 5, false).collect::<Vec<_>>();
        assert_eq!(files(), files());
        for object in files() {
            assert_eq!(serde_json::from_slice::<Vec<Value>>(&object.body).unwrap().len(), 5);
        }
    }

    #[test]
    fn the_list_has_all_dirty_files_and_a_missing_one() {
        let files = Files::new(7, "run", TRAPS + 1, 5, true);
        let keys = files.keys();
        let made: Vec<String> = files.map(|object| object.key).collect();
        assert_eq!(keys[..keys.len() - 1], made);
        assert!(keys[keys.len() - 1].ends_with("missing.json"));
    }
}
