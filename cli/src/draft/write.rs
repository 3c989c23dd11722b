//! Makes the text of the pipeline file.

use pipeline::TimestampFormat;

use super::Wanted;
use super::event_time::EventTime;
use super::fields::{Draft, DraftField, LeftOut};
use super::names::quoted;
use super::sections::{lake, postgres};

/// The text of the whole file. `records` is the number of JSON objects in the sample.
pub(super) fn file(wanted: Wanted<'_>, draft: &Draft, event_time: &EventTime, records: usize) -> String {
    let Wanted { topic, partitions, .. } = wanted;
    let name = quoted(topic);
    let mut text = format!(
        "# A draft by `headwater pipeline new` from a sample of {records} records. Read it before the first `headwater up`, because\n\
         # the type of a column in a Delta table cannot be changed later. docs/pipeline-files.md explains every setting;\n\
         # `headwater pipeline check` finds mistakes.\n\n\
         topic:\n  name: {name}\n  partitions: {partitions}\n  retention_hours: 168\n\n"
    );
    match &event_time.path {
        Some(path) => {
            text.extend([format!("# The event time: {}.\nevent_time: {}\n\n", event_time.why, quoted(path))]);
        }
        None => text.extend([format!("# No `event_time`: {}.\n\n", event_time.why)]),
    }
    text.push_str(
        "# A record that does not fit these fields is parked with its reason. `nullable: true` allows null and a missing field: add\n\
         # it to a field that all records of the sample have, but that later records may lack. Integers are int64, because an\n\
         # int32 column of the lake cannot be widened later.\n\
         fields:\n",
    );
    fields(&mut text, draft, "", 1, event_time);
    text.push('\n');
    text.push_str(&lake(topic, draft, event_time));
    text.push('\n');
    let sections = postgres(topic, draft, event_time, &text);
    text.push_str(&sections);
    text
}

/// Adds the fields, each with a comment on its values in the sample, and a comment for each key that is left out.
///
/// `prefix` is the path of the struct with a dot at the end, `level` the depth of the indentation.
fn fields(text: &mut String, draft: &Draft, prefix: &str, level: usize, event_time: &EventTime) {
    let indent = "  ".repeat(level);
    for field in &draft.fields {
        let path = format!("{prefix}{}", field.name);
        let mut comment = vec![presence(field, level)];
        comment.extend(field.found.notes.iter().cloned());
        if event_time.path.as_ref() == Some(&path) {
            comment.push("the event time".to_owned());
        }
        let comment = comment.join("; ");
        let attributes = attributes(field);
        if field.inner.fields.is_empty() {
            text.extend([format!(
                "{indent}- {{ name: {}, {attributes} }}   # {comment}\n",
                quoted(&field.name)
            )]);
            continue;
        }
        text.extend([format!("{indent}- name: {}   # {comment}\n", quoted(&field.name))]);
        for attribute in attributes.split(", ") {
            text.extend([format!("{indent}  {attribute}\n")]);
        }
        text.extend([format!("{indent}  fields:\n")]);
        fields(text, &field.inner, &format!("{path}."), level + 2, event_time);
    }
    for left in draft.left_out.iter().map(LeftOut::line) {
        text.extend([format!("{indent}# left out: {left}\n")]);
    }
}

/// The attributes of a field besides its name, separated by `, `: type, format, nullable.
fn attributes(field: &DraftField) -> String {
    let kind = field.found.field_type.to_string();
    let kind = if kind.contains('(') { format!("\"{kind}\"") } else { kind };
    let format = match field.found.format {
        TimestampFormat::Iso => "",
        TimestampFormat::EpochSeconds => ", format: epoch_seconds",
        TimestampFormat::EpochMillis => ", format: epoch_millis",
    };
    let nullable = if field.nullable { ", nullable: true" } else { "" };
    format!("type: {kind}{format}{nullable}")
}

/// How many objects have the field: `in 100 of 1000 records`. Fields of a struct are counted by objects.
fn presence(field: &DraftField, level: usize) -> String {
    let what = if level == 1 { "records" } else { "objects" };
    if field.seen == field.of {
        format!("in all {} {what}", field.of)
    } else {
        format!("in {} of {} {what}", field.seen, field.of)
    }
}
