//! Checks the `table` section of a pipeline file.

use std::collections::HashSet;

use crate::checker::Checker;
use crate::field::{Field, FieldType};
use crate::layout::Layout;
use crate::postgres::{Relation, column, is_identifier, key_length, keyed, table_name};
use crate::rule::Rule;
use crate::spec::{OnRepeat, Pipeline, TableSection};

/// The column with the time at which Kafka received the record. The other fixed columns begin with `_`, and fields
/// cannot.
const RECEIVED_AT: &str = "received_at";

/// The number of columns besides the fields: the id, Kafka's timestamp, partition and offset, and the time of storing.
const OWN_COLUMNS: usize = 5;

/// Postgres' limit for the columns of a table.
const MOST_COLUMNS: usize = 1_600;

/// The upper limit of `retention_days`: a century.
const MOST_DAYS: u32 = 36_500;

/// Checks the section: names, key, indexes and retention.
pub(crate) fn table(checker: &mut Checker, table: &TableSection, pipeline: &Pipeline, layout: &Layout) {
    let relation = Relation::of_table(table);
    table_name(checker, &table.name, &["table", "name"]);
    if let Some(long) = relation.parts_beyond_limit() {
        checker.problem(&["table", "name"], Rule::TableLong, long);
    }
    let shared =
        pipeline.totals.as_ref().is_some_and(|totals| Relation::of_totals(totals).is_same_table(&relation));
    checker.require(!shared, &["table", "name"], Rule::TableTwice);
    columns(checker, table, pipeline, layout);
    let mut named = HashSet::new();
    for (index, path) in table.key.iter().enumerate() {
        let at = ["table", "key", &index.to_string()];
        checker.require(keyed(layout, path).is_some(), &at, Rule::KeyField);
        checker.require(named.insert(path), &at, Rule::KeyTwice);
    }
    key_length(checker, &table.key, &["table", "key"]);
    checker.require(
        table.on_repeat == OnRepeat::KeepFirst || !table.key.is_empty(),
        &["table", "on_repeat"],
        Rule::KeyForRepeats,
    );
    indexes(checker, table, layout);
    retention(checker, table, pipeline);
}

/// Checks the further indexes: their length, their fields, and that no two are the same.
fn indexes(checker: &mut Checker, table: &TableSection, layout: &Layout) {
    for (number, index) in table.indexes.iter().enumerate() {
        let at = ["table", "indexes", &number.to_string()];
        checker.require(!index.is_empty(), &at, Rule::NoKey);
        key_length(checker, index, &at);
        // Postgres would create both, and the next migration would find only one of them.
        if let Some(first) = table.indexes[..number].iter().position(|other| other == index) {
            checker.problem(&at, Rule::IndexTwice, format!("table.indexes.{first}"));
        }
        for (place, path) in index.iter().enumerate() {
            let indexable = layout.column_index(path).is_some_and(|place| {
                !matches!(layout.columns[place].field_type, FieldType::Json | FieldType::Struct)
            });
            checker.require(
                indexable,
                &["table", "indexes", &number.to_string(), &place.to_string()],
                Rule::IndexField,
            );
        }
    }
}

/// Checks the names and the number of the table's columns.
fn columns(checker: &mut Checker, table: &TableSection, pipeline: &Pipeline, layout: &Layout) {
    let mut names = HashSet::from([RECEIVED_AT.to_owned()]);
    if let Some(id) = &table.id_column {
        let at = ["table", "id_column"];
        checker.require(is_identifier(id) && !id.starts_with('_'), &at, Rule::ColumnName);
        column(checker, id, &at);
        if !names.insert(id.clone()) {
            checker.problem(&at, Rule::ColumnOwn, id);
        }
    }
    for place in layout.leaves() {
        let found = &layout.columns[place];
        let (name, path) = (found.flat_name(), path_of(&pipeline.fields, &found.path));
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        column(checker, &name, &path);
        if names.contains(&name) {
            checker.problem(&path, Rule::ColumnTwice, &name);
        }
        names.insert(name);
    }
    let count = layout.leaves().count() + OWN_COLUMNS;
    if count > MOST_COLUMNS {
        checker.problem(&["fields"], Rule::Columns, count.to_string());
    }
}

/// The path in the file to the name of the field that has this dotted path.
fn path_of(fields: &[Field], dotted: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut list = fields;
    for part in dotted.split('.') {
        let Some(index) = list.iter().position(|field| field.name == part) else { break };
        path.extend(["fields".to_owned(), index.to_string()]);
        list = &list[index].fields;
    }
    path.push("name".to_owned());
    path
}

/// Checks the retention. Postgres requires that the key contains the partition column.
fn retention(checker: &mut Checker, table: &TableSection, pipeline: &Pipeline) {
    let Some(days) = table.retention_days else { return };
    let at = ["table", "retention_days"];
    checker.require((1..=MOST_DAYS).contains(&days), &at, Rule::RetentionDays);
    match &pipeline.event_time {
        None => checker.problem(&at, Rule::RetentionTime, ""),
        Some(path) => {
            checker.require(table.key.is_empty() || table.key.contains(path), &at, Rule::RetentionKey);
        }
    }
}
