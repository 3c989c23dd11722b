//! Generates JSON texts for tests: valid ones with everything that JSON allows, and damaged ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A number in any of JSON's notations, up to the limits of Postgres' `numeric` and beyond.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,30})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,30}",
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?[eE][-+]?[0-9]{1,3}",
        "-?(0|[1-9])(\\.0{0,2}[0-9])?[eE][-+]?(1638[0-9]|13107[0-9]|4[0-9]{5}|10737418[0-9]{2})",
    ]
}

/// The text between the quotes of a string.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[^\"\\\\\u{0}-\u{1f}]{0,12}",
        2 => select(vec!["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]).prop_map(str::to_owned),
        1 => "\\\\u00[2-9A-Fa-f][0-9A-Fa-f]",
        1 => "\\\\ud[89ABab][0-9A-Fa-f]{2}\\\\uD[c-fC-F][0-9A-Fa-f]{2}",
    ]
}

/// A string with its quotes.
fn string() -> impl Strategy<Value = String> {
    vec(piece(), 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// White space of JSON, often none.
fn space() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\n", "\t \r\n"])
}

/// A JSON text.
pub(crate) fn json() -> impl Strategy<Value = String> {
    let literal = select(vec!["null", "true", "false", "[]", "{}"]).prop_map(str::to_owned);
    let leaf = prop_oneof![literal, number(), string()];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let list = (vec((space(), inner.clone()), 0..5), space());
        let object = (vec((space(), string(), inner), 0..5), space());
        prop_oneof![
            list.prop_map(|(items, end)| {
                let items: Vec<_> =
                    items.iter().map(|(space, item)| format!("{space}{item}{space}")).collect();
                format!("[{}{end}]", items.join(","))
            }),
            object.prop_map(|(fields, end)| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(space, key, value)| format!("{space}{key}{space}:{space}{value}"))
                    .collect();
                format!("{{{}{end}}}", fields.join(","))
            }),
        ]
    })
}

/// Text that is inserted to damage a JSON text.
fn accident() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "0",
            "-",
            "+",
            ".",
            "e",
            "1e",
            "01",
            "NaN",
            "Infinity",
            "'",
            "/**/",
            "\\u",
            "\\u00",
            "\\uZZZZ",
            "\\ud83d",
            "\\ude00",
            "\\ud83d\\ud83d",
            "\\u0000",
            "\\x41",
            "\\'",
            "\u{0}",
            "\n",
            "\t",
            "\u{1f}",
            "\u{7f}",
            "\u{a0}",
            "\u{feff}",
            "\u{2028}",
            "é",
            "😀",
            "tru",
            "nul",
            " ",
        ])
        .prop_map(str::to_owned),
        ".{1,3}",
    ]
}

/// A JSON text, in which a part may have been replaced.
pub(crate) fn perhaps_json() -> impl Strategy<Value = String> {
    let change = (any::<Index>(), 0..4_usize, accident());
    (json(), vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (place, cut, insert) in changes {
            let from = place.index(chars.len() + 1);
            let to = (from + cut).min(chars.len());
            chars.splice(from..to, insert.chars());
        }
        chars.into_iter().collect()
    })
}
