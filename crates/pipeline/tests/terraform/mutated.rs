//! Generates valid files with random changes.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::{content, style};

/// Texts that have a meaning in YAML, and texts that resemble them.
const PIECES: &[&str] = &[
    " ",
    "  ",
    "\n",
    "\n ",
    "\n  ",
    ":",
    ": ",
    " :",
    "-",
    "- ",
    " - ",
    "#",
    " #",
    " # ",
    ",",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "?",
    "? ",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "|",
    "|\n",
    "|+\n",
    ">-\n",
    "'",
    "\"",
    "''",
    "\\",
    "\\n",
    "\\/",
    "\\ ",
    "\\\n",
    "\\_",
    "\\e",
    "\\N",
    "\\x41",
    "\\u00e9",
    "%",
    "@",
    "`",
    "~",
    "null",
    "0",
    "1",
    "017",
    "1_0",
    "0x1",
    "1e3",
    ".5",
    "y",
    "no",
    "true",
    "---\n",
    "...\n",
    "<<: ",
    "= ",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{a0}",
    "é",
    "e\u{301}",
    "\u{1100}\u{1161}",
    "\u{212b}",
    "😀",
    "\u{7f}",
    "|2\n",
    ">1-\n",
    "...",
    "---",
    "x: y\n",
    "a b",
    "2026-11-25",
];

/// YAML of valid files, changed in a few places.
pub(crate) fn files() -> impl Strategy<Value = String> {
    let change = (any::<Index>(), select(PIECES), 0..3usize);
    let changes = prop::collection::vec(change, 1..4);
    (style::files(content::pipelines()), changes).prop_map(|(mut yaml, changes)| {
        for (place, piece, removed) in changes {
            let places: Vec<_> = yaml.char_indices().map(|(place, _)| place).collect();
            let place = place.index(places.len());
            let end = places.get(place + removed).copied().unwrap_or(yaml.len());
            yaml.replace_range(places[place]..end, piece);
        }
        yaml
    })
}
