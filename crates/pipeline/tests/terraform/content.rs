//! Generates random pipelines as JSON values.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Names that YAML readers may take for another type, and common names.
const NAMES: &[&str] = &[
    "n",
    "y",
    "Yes",
    "no",
    "on",
    "OFF",
    "true",
    "False",
    "null",
    "~",
    "1_000",
    "0x1F",
    "0o17",
    "017",
    "12:30",
    "1e3",
    "5",
    "-5",
    "2026-11-25",
    "<<",
    "-",
    "--",
    "?",
    ":",
    "!x",
    "&a",
    "*b",
    "#c",
    "@d",
    "|",
    ">",
    "[e]",
    "'f'",
    "a:b",
    "a#b",
    "größe",
    "日本",
    "😀",
    "Ω",
    "a/b",
    "a\\b",
    "-a",
    "room",
    "count",
    "Vin",
    "position_x",
    "key",
    "%Y",
    "select",
];

/// Values of a partition column: any text.
const VALUES: &[&str] = &[
    "raw",
    "n",
    "1.5",
    ".inf",
    "0",
    "true",
    "a b",
    " a",
    "a ",
    "a: b",
    "a #b",
    "two\nlines",
    "a line\n",
    "\n",
    "x\n\ny\n",
    "- a",
    "? a",
    "\"",
    "'",
    "\\",
    "a\\nb",
    "[",
    "{}",
    ",",
    "~",
    "null",
    "=",
    "a  b",
    "ä: ü",
    "!!str a",
    "--- a",
    "*a",
    "# no comment",
    "a\n  b\n c",
    "\n\na",
    "-",
    "---",
    "...",
    "a:",
    ":a",
    "a,b",
    "${a}",
    "<a&b>",
];

/// Types of fields without inner fields.
const TYPES: &[&str] =
    &["string", "int32", "int64", "float64", "boolean", "decimal(12,2)", "decimal(38, 0)", "date", "json"];

/// Names that a column may have.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![select(NAMES).prop_map(str::to_owned), "[a-z][a-z0-9]{0,8}", "[a-zäß日]{1,4}[0-9:+!-]{0,3}"]
        .prop_filter("a column's name", |name| !name.starts_with('_') && !name.contains('='))
}

/// Values of a partition column without a pattern.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![select(VALUES).prop_map(str::to_owned), "[ -$&-~äß日]{1,12}", "[a-z \n:#'\"-]{1,20}"]
}

/// Fields with distinct names, nested up to `depth` levels.
fn fields(depth: u32) -> BoxedStrategy<Vec<Value>> {
    let plain = (name(), select(TYPES), any::<bool>()).prop_map(|(name, kind, nullable)| {
        let mut field = json!({ "name": name, "type": kind });
        if nullable {
            field["nullable"] = json!(true);
        }
        field
    });
    let field = if depth == 0 {
        plain.boxed()
    } else {
        let nested = (name(), fields(depth - 1));
        let nested =
            nested.prop_map(|(name, fields)| json!({ "name": name, "type": "struct", "fields": fields }));
        prop_oneof![4 => plain, 1 => nested].boxed()
    };
    prop::collection::vec(field, 1..6).prop_map(distinct).boxed()
}

/// Removes fields whose name occurred before.
fn distinct(fields: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    let lower = |field: &Value| field["name"].as_str().map(str::to_lowercase);
    fields.into_iter().filter(|field| seen.insert(lower(field))).collect()
}

/// Pipelines that keep all rules.
pub(crate) fn pipelines() -> impl Strategy<Value = Value> {
    let values = prop::collection::vec(value(), 0..3);
    let numbers = (1..10_000u32, 1..100_000u32, 0..=300u32, any::<bool>());
    let group = prop_oneof![Just("n".to_owned()), Just("017".to_owned()), "[a-zA-Z0-9._-]{1,20}"];
    (fields(2), values, numbers, group).prop_map(|(fields, values, numbers, group)| {
        let (partitions, hours, window, on_failure) = numbers;
        let columns: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, value)| json!({ "name": format!("column-{index}"), "value": value }))
            .collect();
        let mut pipeline = Map::new();
        let topic = json!({ "name": "random-v1", "partitions": partitions, "retention_hours": hours });
        let batching = json!({ "window_seconds": window, "on_failure": on_failure });
        pipeline.insert("topic".into(), topic);
        pipeline.insert("fields".into(), Value::Array(fields));
        let lake = json!({ "consumer_group": group, "path": "a/b=c", "partition_by": columns });
        pipeline.insert("lake".into(), lake);
        pipeline.insert("batching".into(), batching);
        Value::Object(pipeline)
    })
}
