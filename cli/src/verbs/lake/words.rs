//! Formats numbers and lists for the terminal.

use indicatif::{HumanBytes, HumanCount};

/// A number with separators: `1,234`.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number as in [`count`], or `?` if it is unknown.
pub(super) fn known(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), count)
}

/// A size in binary units: `12.06 MiB`.
pub(super) fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// A number with its noun, which is given in the singular: `1 file`, `12 files`.
pub(super) fn counted(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// The names in one line, separated by commas.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
