//! Checks the `totals` section of a pipeline file.

use std::collections::HashSet;

use crate::checker::Checker;
use crate::field::FieldType;
use crate::layout::Layout;
use crate::postgres::{column, is_identifier, key_length, keyed, table_name};
use crate::rule::Rule;
use crate::spec::TotalsSection;

/// The column with the time of the last addition.
const UPDATED_AT: &str = "updated_at";

/// Checks the section: the table's name, the column of the sum, the summed field and the key.
pub(crate) fn totals(checker: &mut Checker, totals: &TotalsSection, layout: &Layout) {
    table_name(checker, &totals.table, &["totals", "table"]);
    let at = ["totals", "total_column"];
    checker.require(is_identifier(&totals.total_column), &at, Rule::ColumnName);
    column(checker, &totals.total_column, &at);
    if totals.total_column == UPDATED_AT {
        checker.problem(&at, Rule::ColumnOwn, UPDATED_AT);
    }
    let sum = layout.column_index(&totals.sum).filter(|&place| {
        let summable = matches!(
            layout.columns[place].field_type,
            FieldType::Int32 | FieldType::Int64 | FieldType::Decimal { .. }
        );
        summable && !layout.may_be_null(place)
    });
    checker.require(sum.is_some(), &["totals", "sum"], Rule::Sum);
    checker.require(!totals.key.is_empty(), &["totals", "key"], Rule::NoKey);
    key_length(checker, &totals.key, &["totals", "key"]);
    let mut columns = HashSet::from([totals.total_column.as_str(), UPDATED_AT]);
    for (index, key) in totals.key.iter().enumerate() {
        let index = index.to_string();
        let path = ["totals", "key", &index];
        match keyed(layout, key).map(|place| layout.columns[place].name.as_str()) {
            None => checker.problem(&path, Rule::KeyField, ""),
            Some(name) => {
                column(checker, name, &path);
                if !columns.insert(name) {
                    checker.problem(&path, Rule::ColumnTwice, name);
                }
            }
        }
    }
}
