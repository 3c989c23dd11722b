//! A pipeline file for a topic, drafted from a sample of its records.

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

/// A record with more fields than this probably has data in its keys.
const MOST_FIELDS: usize = 1_500;

/// A pipeline file, and what the user must know about it.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// The file's text.
    pub(crate) yaml: String,
    /// The notes for the user, one line each.
    pub(crate) notes: Vec<String>,
    /// How many records of the sample are objects. All of them decode.
    pub(crate) records: usize,
}

/// What the sample does not show, but the file needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The topic.
    pub(crate) topic: &'a str,
    /// How many partitions it has.
    pub(crate) partitions: u32,
    /// The event time, if the user chose it.
    pub(crate) event_time: Option<&'a str>,
}

/// Drafts the file. Every object of the sample decodes with it.
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
                "the records have {} different keys, which a table cannot have as columns",
                seen.fields.len()
            ),
            "put such keys into one field (`\"values\": {…}`), which the file then takes as `json`",
        ));
    }
    let draft = Draft::of(&seen, wanted.event_time);
    if draft.fields.is_empty() {
        let left_out: Vec<String> = draft.left_out.iter().map(fields::LeftOut::line).collect();
        return Err(failure(
            format!("no field of the records can be a column: {}", reasons(&left_out)),
            "rename a field in the producer: docs/pipeline-files.md says what a name may hold",
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

/// Decodes all records in the same way as the lanes do.
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

fn nothing_to_see(notes: &[String]) -> anyhow::Error {
    failure(
        format!("the sample holds no JSON object: {}", reasons(notes)),
        "give records as JSON objects, one a line, or as one JSON array; what is in Avro or Protobuf, or has a schema \
         registry's framing, must be produced as JSON",
    )
}

fn reasons(lines: &[String]) -> String {
    if lines.is_empty() { "it is empty".to_owned() } else { lines.join("; ") }
}
