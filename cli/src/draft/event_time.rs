//! Selects the field with the event time.

use pipeline::FieldType;

use super::fields::{Draft, DraftField};
use super::names::words;
use crate::failure::failure;

/// The event time of the file, if there is one.
#[derive(Debug)]
pub(super) struct EventTime {
    /// The dotted path of the field. `None` if no field fits.
    pub(super) path: Option<String>,
    /// Why this field was selected, or why there is none.
    pub(super) why: String,
}

impl EventTime {
    /// The note for the user.
    pub(super) fn said(&self) -> String {
        match &self.path {
            Some(path) => format!("event time: {path} ({})", self.why),
            None => format!("no event time: {}", self.why),
        }
    }
}

/// Returns the field that the user chose. Without a choice, returns the timestamp whose name fits best, of those that
/// are never null.
///
/// # Errors
/// A failure with the possible fields if the user's choice is not a timestamp, or is null or missing in some record.
pub(super) fn choose(draft: &Draft, wanted: Option<&str>) -> anyhow::Result<EventTime> {
    let mut found = Vec::new();
    candidates(draft, "", 0, &mut found);
    if let Some(wanted) = wanted {
        if found.iter().any(|(_, path)| path == wanted) {
            return Ok(EventTime { path: Some(wanted.to_owned()), why: "you chose it".to_owned() });
        }
        let paths: Vec<&str> = found.iter().map(|(_, path)| path.as_str()).collect();
        let fix = if paths.is_empty() {
            "omit --event-time: no field of the sample is a timestamp in every record".to_owned()
        } else {
            format!("choose one of {}, or omit --event-time", paths.join(", "))
        };
        let why = "it must be a timestamp in every record of the sample";
        return Err(failure(format!("`{wanted}` cannot be the event time: {why}"), fix));
    }
    found.sort_by_key(|(rank, _)| *rank);
    let others = found.len().saturating_sub(1);
    Ok(match found.into_iter().next() {
        Some((_, path)) => {
            let why = match others {
                0 => "the only timestamp that is never null".to_owned(),
                _ => format!(
                    "guessed by its name, among {} timestamps that are never null; --event-time chooses another",
                    others + 1
                ),
            };
            EventTime { path: Some(path), why }
        }
        None => EventTime {
            path: None,
            why: "no field is a timestamp in every record, so the table is not partitioned by day".to_owned(),
        },
    })
}

/// Adds the timestamps that are never null, each as rank and dotted path. The rank is that of the name, then the
/// depth; the lowest is the best.
fn candidates(draft: &Draft, prefix: &str, depth: usize, found: &mut Vec<((u8, usize), String)>) {
    for field in draft.fields.iter().filter(|field| !field.nullable) {
        let DraftField { name, inner, .. } = field;
        let path = format!("{prefix}{name}");
        match field.found.field_type {
            FieldType::Timestamp => found.push(((rank(name), depth), path)),
            FieldType::Struct => candidates(inner, &format!("{path}."), depth + 1, found),
            _ => {}
        }
    }
}

/// The rank of a name as an event time, from 0 (best) to 5. A name of a later time, such as `updated_at`, ranks
/// low, and a name of another time, such as `expires_at`, lowest.
fn rank(name: &str) -> u8 {
    // Names of the time at which something happened.
    const EVENT: [&str; 3] = ["event", "occurred", "happened"];
    // Names of a time without another meaning. They must be the whole name.
    const PLAIN: [&str; 6] = ["ts", "timestamp", "time", "datetime", "at", "when"];
    // Names of a time after the event, for example when a system processed it.
    const LATER: [&str; 8] =
        ["updated", "modified", "ingested", "processed", "received", "loaded", "stored", "inserted"];
    // Names of times that are not about the event, for example the end of a period.
    const OTHER: [&str; 8] = ["expires", "expiry", "due", "until", "birth", "valid", "deleted", "ended"];
    let words = words(name);
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if any(&OTHER) {
        5
    } else if any(&LATER) {
        4
    } else if any(&EVENT) {
        0
    } else if words.len() == 1 && any(&PLAIN) {
        1
    } else if any(&["created"]) {
        2
    } else {
        3
    }
}
