//! Formats the wide event of an invocation: its metrics, then its fields, then its fault.
//!
//! Wide events are JSON in the embedded metric format of CloudWatch: the object `_aws` names the metrics and their
//! units, and their values are fields beside it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    color::Tone,
    line::{Line, Part},
    words,
};

/// Words that replace the names of some metrics.
const WORDS: [(&str, &str); 9] = [
    ("RecordsReceived", "received"),
    ("RecordsStored", "stored"),
    ("RecordsParked", "parked"),
    ("RecordsDuplicate", "duplicates"),
    ("RecordsRepeated", "unchanged"),
    ("RecordsToRetry", "to retry"),
    ("ObjectsToRetry", "objects to retry"),
    ("MessagesToRetry", "messages to retry"),
    ("FetchRetries", "retries"),
];

/// Counts that are shown as a warning if they are above zero.
const WARNINGS: [&str; 11] = [
    "RecordsParked",
    "ObjectsParked",
    "RecordsToRetry",
    "ObjectsToRetry",
    "MessagesToRetry",
    "HolesForgotten",
    "OffsetsSkipped",
    "TopicsRecreated",
    "ItemsFailed",
    "CertificatesFailed",
    "TablesBehind",
];

/// Fields that are left out, because the line shows them in another form or they are the same in every line.
const SAID: [&str; 13] = [
    "_aws",
    "function",
    "environment",
    "request_id",
    "level",
    "fault",
    "Faults",
    "ClientErrors",
    "ServerErrors",
    "method",
    "route",
    "status",
    "retry_reasons",
];

/// Formats a wide event. Metrics that are zero and fields that are empty are left out.
pub(super) fn read(event: &Map<String, Value>) -> Line {
    let metrics = metrics(event);
    let mut parts = Vec::new();
    parts.extend(request(event));
    let (mut counts, mut sizes) = (Vec::new(), Vec::new());
    for (name, unit) in &metrics {
        // If all received records are stored, one number is enough.
        let all_stored = *name == "RecordsReceived" && event.get(*name) == event.get("RecordsStored");
        if SAID.contains(name) || *name == "Duration" || all_stored {
            continue;
        }
        if let Some(part) = metric(name, unit, event.get(*name)) {
            if *unit == "Count" { &mut counts } else { &mut sizes }.push(part);
        }
    }
    parts.extend(counts);
    if let Some(took) = event.get("Duration").and_then(Value::as_f64) {
        parts.push(Part::new(Tone::Plain, &words::milliseconds(took)));
    }
    parts.extend(sizes);
    for (name, value) in event {
        let is_metric = metrics.iter().any(|(metric, _)| metric == name);
        if !is_metric && !SAID.contains(&name.as_str()) {
            parts.extend(field(name, value));
        }
    }
    if let Some(reasons) = event.get("retry_reasons").and_then(words::value) {
        // The fault may contain the same text.
        if event.get("fault").and_then(Value::as_str) != Some(&reasons) {
            parts.push(Part::new(Tone::Warning, &format!("will be retried: {reasons}")));
        }
    }
    if event.get("level").and_then(Value::as_str) == Some("ERROR") {
        let fault = event.get("fault").and_then(words::value).unwrap_or_else(|| "failed".to_owned());
        let request = event.get("request_id").and_then(Value::as_str).unwrap_or("unknown");
        parts.push(Part::new(Tone::Fault, &format!("FAULT {fault} (request {request})")));
    }
    Line { parts }
}

/// The name and the unit of each metric, in the order of `_aws.CloudWatchMetrics`. The default unit is `Count`.
fn metrics(event: &Map<String, Value>) -> Vec<(&str, &str)> {
    let directives = event.get("_aws").and_then(|aws| aws.get("CloudWatchMetrics")).and_then(Value::as_array);
    let metrics =
        directives.into_iter().flatten().filter_map(|directive| directive.get("Metrics")?.as_array());
    metrics
        .flatten()
        .filter_map(|metric| {
            Some((
                metric.get("Name")?.as_str()?,
                metric.get("Unit").and_then(Value::as_str).unwrap_or("Count"),
            ))
        })
        .collect()
}

/// The request and the status of an HTTP function: `POST /events 202`. `None` for other functions.
fn request(event: &Map<String, Value>) -> Option<Part> {
    let (method, status) = (event.get("method")?.as_str()?, event.get("status").and_then(Value::as_u64));
    let route = event.get("route").and_then(Value::as_str).filter(|route| *route != "none").unwrap_or("");
    let status_text = status.map(|status| status.to_string()).unwrap_or_default();
    let text = [method, route, &status_text].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let tone = match status {
        Some(500..) => Tone::Fault,
        Some(400..) => Tone::Warning,
        _ => Tone::Plain,
    };
    Some(Part::new(tone, &text.join(" ")))
}

/// A metric with its unit, such as `498 stored` or `payload 88.12 KiB`. `None` if it is zero or not an integer.
fn metric(name: &str, unit: &str, value: Option<&Value>) -> Option<Part> {
    let value = value?.as_u64()?;
    if value == 0 {
        return None;
    }
    let own = WORDS.iter().find(|(metric, _)| *metric == name).map(|(_, words)| (*words).to_owned());
    let words = own.unwrap_or_else(|| words::of_name(name));
    #[expect(clippy::cast_precision_loss, reason = "the text is rounded anyway")]
    let text = match unit {
        "Bytes" => format!(
            "{} {}",
            words.trim_end_matches(" size").trim_start_matches("bytes "),
            words::bytes(value)
        ),
        "Seconds" => format!("{} {}", words.trim_end_matches(" seconds"), words::seconds(value as f64)),
        "Milliseconds" => format!("{words} {}", words::milliseconds(value as f64)),
        _ => words::counted(value, &words),
    };
    let tone = if WARNINGS.contains(&name) { Tone::Warning } else { Tone::Plain };
    Some(Part::new(tone, &text))
}

/// A field with its name, such as `topic rooms-v1`. `None` if its value is empty.
fn field(name: &str, value: &Value) -> Option<Part> {
    let text = match (name, value) {
        ("partitions", Value::Array(all)) => partitions(all),
        // The reports of lake-keeper: the metrics contain their sums, but not their errors.
        ("tables", Value::Array(tables)) if tables.iter().any(Value::is_object) => {
            return Some(Part::new(Tone::Warning, &errors(tables)?));
        }
        // The answer of a function without metrics of its own.
        ("result", value) => words::value(value)?,
        ("failed" | "certificates_failing", value) => {
            return Some(Part::new(
                Tone::Warning,
                &format!("{} {}", words::of_name(name), words::value(value)?),
            ));
        }
        ("bytes", value) => words::bytes(value.as_u64().filter(|bytes| *bytes > 0)?),
        _ => format!("{} {}", words::of_name(name), words::value(value)?),
    };
    Some(Part::new(Tone::Dim, &text))
}

/// The partitions by topic: `rooms-v1-0` and `rooms-v1-2` become `rooms-v1/0,2`.
fn partitions(all: &[Value]) -> String {
    let mut topics: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in all.iter().filter_map(Value::as_str) {
        let (topic, partition) = id.rsplit_once('-').unwrap_or((id, ""));
        topics.entry(topic).or_default().push(partition);
    }
    let topics: Vec<String> =
        topics.iter().map(|(topic, partitions)| format!("{topic}/{}", partitions.join(","))).collect();
    topics.join(" ")
}

/// The errors in lake-keeper's reports, each after the path of its table. `None` if there are none.
fn errors(tables: &[Value]) -> Option<String> {
    let errors = tables.iter().filter_map(|table| {
        Some(format!("{}: {}", table.get("path")?.as_str()?, table.get("error")?.as_str()?))
    });
    let errors: Vec<String> = errors.collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}
