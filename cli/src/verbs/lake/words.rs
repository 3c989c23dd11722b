//! Figures as people read them.

use indicatif::{HumanBytes, HumanCount};

/// `1,234`.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1,234`, or `?`.
pub(super) fn known(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), count)
}

/// `12.06 MiB`.
pub(super) fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// `1 file`, `12 files`.
pub(super) fn counted(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// Names in one line, for a person.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
