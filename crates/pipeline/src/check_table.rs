//! What a `table` section must fulfil, and the rules for names and keys in Postgres.

use std::collections::HashSet;

use crate::check::Checker;
use crate::field::FieldType;
use crate::layout::Layout;
use crate::spec::{OnRepeat, Pipeline, Table};

/// What [`is_table_name`] asks for.
pub(crate) const TABLE_NAME: &str = "is `table` or `schema.table` in lower-case letters, digits and `_`";

/// What [`keyed`] asks for.
pub(crate) const KEYED: &str = "must name a field that is not nullable, nor a float64, json or struct";

/// The column of the time at which Kafka took the record. The others that every table has begin with `_`, as no field does.
const RECEIVED_AT: &str = "received_at";

/// The most days that `retention_days` may ask for: a century.
const MOST_DAYS: u32 = 36_500;

pub(crate) fn table(checker: &mut Checker, table: &Table, pipeline: &Pipeline, layout: &Layout) {
    checker.require(is_table_name(&table.name), &["table", "name"], TABLE_NAME);
    let shared = pipeline.totals.as_ref().is_some_and(|totals| totals.table == table.name);
    checker.require(!shared, &["table", "name"], "is the totals table; a table of records is another one");
    columns(checker, table, layout);
    let mut named = HashSet::new();
    for (index, path) in table.key.iter().enumerate() {
        let at = ["table", "key", &index.to_string()];
        checker.require(keyed(layout, path).is_some(), &at, KEYED);
        checker.require(named.insert(path), &at, "is named twice");
    }
    checker.require(
        table.on_repeat == OnRepeat::KeepFirst || !table.key.is_empty(),
        &["table", "on_repeat"],
        "needs a `key`: without one no record repeats another",
    );
    for (number, index) in table.indexes.iter().enumerate() {
        let number = number.to_string();
        checker.require(!index.is_empty(), &["table", "indexes", &number], "names at least one field");
        for (place, path) in index.iter().enumerate() {
            let indexable = layout.place(path).is_some_and(|place| {
                !matches!(layout.columns[place].field_type, FieldType::Json | FieldType::Struct)
            });
            let at = ["table", "indexes", &number, &place.to_string()];
            checker.require(indexable, &at, "must name a field that is neither json nor a struct");
        }
    }
    retention(checker, table, pipeline);
}

fn columns(checker: &mut Checker, table: &Table, layout: &Layout) {
    let mut names = HashSet::from([RECEIVED_AT.to_owned()]);
    if let Some(id) = &table.id_column {
        checker.require(
            is_identifier(id) && !id.starts_with('_') && names.insert(id.clone()),
            &["table", "id_column"],
            "is lower-case letters, digits and `_`, begins with a letter, and is not `received_at`",
        );
    }
    for place in layout.leaves() {
        let name = layout.columns[place].flat_name();
        checker.require(name.len() <= 63, &["fields"], "a column of Postgres has a name of at most 63 bytes");
        if names.contains(&name) {
            checker.problem(&["fields"], format!("the table has two columns called `{name}`"));
        }
        names.insert(name);
    }
}

fn retention(checker: &mut Checker, table: &Table, pipeline: &Pipeline) {
    let Some(days) = table.retention_days else { return };
    let at = ["table", "retention_days"];
    checker.require((1..=MOST_DAYS).contains(&days), &at, "is 1 to 36,500");
    match &pipeline.event_time {
        None => checker.problem(&at, "needs `event_time`: the table is partitioned by its day"),
        Some(path) => checker.require(
            table.key.is_empty() || table.key.contains(path),
            &at,
            "needs the `event_time` field in `key`: Postgres keeps a key unique within a partition only",
        ),
    }
}

/// The place of a field that can be part of a key.
pub(crate) fn keyed(layout: &Layout, path: &str) -> Option<usize> {
    layout.place(path).filter(|&place| {
        let field_type = layout.columns[place].field_type;
        let comparable = !matches!(field_type, FieldType::Float64 | FieldType::Json | FieldType::Struct);
        comparable && !layout.may_be_null(place)
    })
}

pub(crate) fn is_table_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('.').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_identifier(part))
}

/// Whether Postgres takes it unquoted and keeps it whole.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    first && name.len() <= 63 && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
