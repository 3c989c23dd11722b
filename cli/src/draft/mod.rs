//! Drafts the pipeline file of a topic from a sample of its records.
//!
//! `sample` separates the JSON objects, `seen` counts the forms of their values, `types` infers a type for
//! each field, `event_time` selects the event time, `sections` makes the sections, and `write` makes the
//! file's text.

mod event_time;
mod fields;
mod names;
mod sample;
mod sections;
mod seen;
#[cfg(test)]
mod tests;
mod types;
mod write;

use anyhow::Context as _;
use pipeline::{Pipeline, RecordDecoder};

pub(crate) use sample::{Sample, from_text};

use crate::failure::failure;
use fields::Draft;
use seen::Objects;

/// The largest number of fields. Records with more different keys probably have data in their keys, such as user ids.
const MOST_FIELDS: usize = 1_500;

/// A drafted pipeline file, with notes for the user.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// The text of the file, as YAML with comments.
    pub(crate) yaml: String,
    /// The notes for the user, one line each.
    pub(crate) notes: Vec<String>,
    /// The number of records that are JSON objects. All of them decode with the file.
    pub(crate) records: usize,
}

/// What the file needs in addition to the sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The name of the topic.
    pub(crate) topic: &'a str,
    /// The topic's number of partitions.
    pub(crate) partitions: u32,
    /// The dotted path of the event time, if the user chose it.
    pub(crate) event_time: Option<&'a str>,
}

/// Drafts the file. Every JSON object of the sample decodes with it.
///
/// # Errors
/// A failure with a fix if the sample has no object, if no field can be a column, if there are too many fields, if
/// the chosen event time does not fit, or if the drafted file is not valid.
pub(crate) fn draft(wanted: Wanted<'_>, sample: &Sample) -> anyhow::Result<Drafted> {
    let sorted = sample.sorted();
    let mut notes: Vec<String> = sample.notes.clone();
    notes.extend(sorted.refused.iter().map(|(reason, count)| {
        format!("{count} of {} records would be parked: {reason}", sample.records.len())
    }));
    if sorted.objects.is_empty() {
        return Err(nothing_to_see(&notes));
    }
    let mut seen = Objects::default();
    for record in &sorted.objects {
        seen.add(record).context("a record of the sample cannot be read")?;
    }
    if seen.fields.len() > MOST_FIELDS {
        return Err(failure(
            format!(
                "the records have {} different keys, which are too many for the columns of a table",
                seen.fields.len()
            ),
            "put such keys into one field (`\"values\": {…}`), which then gets the type `json`",
        ));
    }
    let draft = Draft::of(&seen, wanted.event_time);
    if draft.fields.is_empty() {
        let left_out: Vec<String> = draft.left_out.iter().map(fields::LeftOut::line).collect();
        return Err(failure(
            format!("no field of the records can be a column: {}", reasons(&left_out)),
            "rename a field in the producer: docs/pipeline-files.md says which names are valid",
        ));
    }
    let event_time = event_time::choose(&draft, wanted.event_time)?;
    notes.push(event_time.said());
    notes.extend(draft.surprises());
    let yaml = write::file(wanted, &draft, &event_time, sorted.objects.len());
    let pipeline = Pipeline::from_yaml(&yaml, "the new file").map_err(|error| {
        failure(
            format!("the drafted file breaks a rule: {error}"),
            "write the file by hand; pipelines/rooms-v1.yaml explains every setting",
        )
    })?;
    decode(&pipeline, &sorted.objects)?;
    Ok(Drafted { yaml, notes, records: sorted.objects.len() })
}

/// Decodes all records with the decoder of the lanes. Fails at the first record that would be parked.
fn decode(pipeline: &Pipeline, records: &[&[u8]]) -> anyhow::Result<()> {
    let decoder = RecordDecoder::new(&pipeline.fields);
    for record in records {
        decoder.decode(record, &mut Vec::new()).map_err(|poison| {
            failure(
                format!("the drafted file would park a record of the sample: {poison}"),
                "write the file by hand, with `type: json` for that field; pipelines/rooms-v1.yaml explains every setting",
            )
        })?;
    }
    Ok(())
}

/// The error for a sample without JSON objects. `notes` say why its records would be parked.
fn nothing_to_see(notes: &[String]) -> anyhow::Error {
    failure(
        format!("the sample has no JSON object: {}", reasons(notes)),
        "give records as JSON objects, one per line, or as one JSON array; if the topic has Avro, Protobuf or the framing of a \
         schema registry, the producer must write JSON instead",
    )
}

fn reasons(lines: &[String]) -> String {
    if lines.is_empty() { "it is empty".to_owned() } else { lines.join("; ") }
}
