//! Makes the sections of the file: `lake`, and the sections for Postgres as comments.

use pipeline::{FieldType, Pipeline};

use super::event_time::EventTime;
use super::fields::Draft;
use super::names::{quoted, words};

/// The largest length of the topic's name within the name of a consumer group. The name of a group has at most 200
/// characters, and ends with the name of the section.
const GROUP: usize = 190;

/// The largest length of the topic's name within the name of a table. Postgres truncates names to 63 bytes.
const TABLE: usize = 50;

/// A field that is never null, also inside structs.
struct Leaf {
    /// The dotted path.
    path: String,
    field_type: FieldType,
}

/// The `lake` section. With an event time, the table is partitioned by day, under a column name that no field has.
pub(super) fn lake(topic: &str, draft: &Draft, event_time: &EventTime) -> String {
    let path = topic.trim_start_matches(['_', '.']);
    let path = if path.is_empty() { "records" } else { path };
    let mut text = format!(
        "# Every record becomes a row of the Delta table at this path under the lake's root.\n\
         lake:\n  consumer_group: {}\n  path: {}\n",
        group(topic, "lake"),
        quoted(path)
    );
    if event_time.path.is_some() {
        let is_free = |name: &str| !draft.fields.iter().any(|field| field.name.to_lowercase() == name);
        let numbered = (1..).map(|number| format!("event_day_{number}"));
        let names = ["day", "event_day"].map(str::to_owned).into_iter().chain(numbered);
        let name = names.into_iter().find(|name| is_free(name)).unwrap_or_default();
        text.push_str("  # One folder for each day (UTC) of the event time.\n  partition_by:\n");
        text.extend([format!("    - {{ name: {name}, value: \"%Y-%m-%d\" }}\n")]);
    }
    text
}

/// The sections `totals` and `table` as comments. `file` is the text before them. A section is left out if the file
/// would not be valid with it.
pub(super) fn postgres(topic: &str, draft: &Draft, event_time: &EventTime, file: &str) -> String {
    let mut leaves = Vec::new();
    required(draft, "", &mut leaves);
    leaves.retain(|leaf| Some(&leaf.path) != event_time.path.as_ref());
    let id = leaves.iter().find(|leaf| is_key(leaf) && is_id(&leaf.path));
    let totals = totals(topic, &leaves);
    let table = table(topic, id);
    let mut text = commented(
        file,
        "One row per key in Postgres, with the sum over all records. To enable it, remove `# ` from these lines.",
        "No running totals in Postgres: they need a key, and an integer or decimal to sum. Both must never be null.",
        totals,
    );
    text.push('\n');
    text.push_str(&commented(
        file,
        "Every record becomes a row of a table in Postgres. To enable it, remove `# ` from these lines.",
        "No table in Postgres: the name of a field or of the topic is not valid there.",
        Some(table),
    ));
    text
}

/// The section as comments, after the line `what`. If there is no valid section, only the line `without`.
fn commented(file: &str, what: &str, without: &str, section: Option<String>) -> String {
    let valid = |section: &String| Pipeline::from_yaml(&format!("{file}\n{section}"), "the new file").is_ok();
    let Some(section) = section.filter(valid) else { return format!("# {without}\n") };
    let lines: Vec<String> = section.lines().map(|line| format!("# {line}\n")).collect();
    format!("# {what}\n{}", lines.concat())
}

/// A `totals` section as an example: the first number as sum, and the best key. `None` if no field fits.
fn totals(topic: &str, leaves: &[Leaf]) -> Option<String> {
    let summable = |leaf: &&Leaf| {
        matches!(leaf.field_type, FieldType::Int32 | FieldType::Int64 | FieldType::Decimal { .. })
            && !is_id(&leaf.path)
    };
    let sum = leaves.iter().find(summable)?;
    // A text that is not an id probably has few different values, which makes a better example of a key.
    let keys = leaves.iter().filter(|leaf| is_key(leaf) && leaf.path != sum.path);
    let key = keys.min_by_key(|leaf| (is_id(&leaf.path), leaf.field_type != FieldType::String))?;
    Some(format!(
        "totals:\n  consumer_group: {}\n  table: {}\n  key: [{}]\n  sum: {}\n",
        group(topic, "totals"),
        relation(topic, "totals"),
        quoted(&key.path),
        quoted(&sum.path)
    ))
}

/// A `table` section. With an id, records with the same id are the same row.
fn table(topic: &str, id: Option<&Leaf>) -> String {
    let mut text =
        format!("table:\n  consumer_group: {}\n  name: {}\n", group(topic, "table"), relation(topic, "rows"));
    if let Some(id) = id {
        text.extend([format!("  key: [{}]   # records with the same key are one row\n", quoted(&id.path))]);
    }
    text
}

/// Adds the fields that are never null, also those inside structs.
fn required(draft: &Draft, prefix: &str, leaves: &mut Vec<Leaf>) {
    for field in draft.fields.iter().filter(|field| !field.nullable) {
        let path = format!("{prefix}{}", field.name);
        required(&field.inner, &format!("{path}."), leaves);
        leaves.push(Leaf { path, field_type: field.found.field_type });
    }
}

/// Whether the type of the field can be part of a key.
fn is_key(leaf: &Leaf) -> bool {
    !matches!(leaf.field_type, FieldType::Float64 | FieldType::Json | FieldType::Struct)
}

/// Returns whether the last word of a field's path is typical of an identifier, such as `id` in `order.user_id`.
fn is_id(path: &str) -> bool {
    const IDS: [&str; 5] = ["id", "uuid", "key", "code", "number"];
    words(path).last().is_some_and(|word| IDS.contains(&word.as_str()))
}

/// The name of the section's consumer group, as YAML.
fn group(topic: &str, section: &str) -> String {
    quoted(&format!("{}-{section}", &topic[..topic.len().min(GROUP)]))
}

/// The name of a table that Postgres accepts without quotes, made of the topic's name and `what`.
fn relation(topic: &str, what: &str) -> String {
    let name = topic.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name = if name.is_empty() || name.starts_with("pg_") { "topic" } else { name };
    format!("{}_{what}", &name[..name.len().min(TABLE)])
}
