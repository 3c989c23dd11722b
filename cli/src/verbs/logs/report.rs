//! Parses the lines that Lambda itself writes into the log of a function.
//!
//! A `REPORT` line has fields `NAME: VALUE`, separated by tabs. The fields `Status` and `Error Type` describe a
//! failure.

use faults::FaultClass;

use super::{
    color::Tone,
    line::{Line, Part},
    words,
};

/// How the lines about an invocation begin.
const AROUND: [&str; 3] = ["START RequestId:", "END RequestId:", "REPORT RequestId:"];
/// How the lines about the start of a process begin.
const OF_THE_START: [&str; 4] = ["INIT_START ", "INIT_REPORT ", "RESTORE_START ", "RESTORE_REPORT "];

/// Whether this is a line of Lambda about an invocation.
pub(super) fn of_the_platform(text: &str) -> bool {
    AROUND.iter().any(|start| text.starts_with(start))
}

/// Whether this is a line of Lambda about an invocation or about the start of a process.
pub(super) fn of_lambda(text: &str) -> bool {
    of_the_platform(text) || OF_THE_START.iter().any(|start| text.starts_with(start))
}

/// Formats a line of Lambda: a cold start, a timeout, a crash. `None` if it reports none of them. With `all`, the
/// line itself is added.
pub(super) fn read(text: &str, all: bool) -> Option<Line> {
    let mut parts = told(text);
    if all {
        parts.push(Part::new(Tone::Dim, text));
    }
    (!parts.is_empty()).then_some(Line { parts })
}

/// The fault and the cold start that the line reports. Usually none.
fn told(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let starting = text.starts_with("INIT_REPORT");
    let took = field(text, "Duration").or_else(|| starting.then(|| field(text, "Init Duration")).flatten());
    // A failure with one of these classes was returned by the function, and its wide event contains the reason.
    let classes =
        [FaultClass::Retryable, FaultClass::Poison, FaultClass::Configuration].map(FaultClass::as_str);
    let told = field(text, "Error Type").is_some_and(|error| classes.contains(&error));
    if let Some(status) = field(text, "Status").filter(|status| *status != "success" && !told) {
        let mut fault = match (status, starting) {
            ("timeout", false) => "timed out".to_owned(),
            ("timeout", true) => "did not start in time".to_owned(),
            (_, true) => "did not start".to_owned(),
            (_, false) => "failed".to_owned(),
        };
        if let Some(error) = field(text, "Error Type") {
            fault = format!("{fault}: {error}");
        }
        if let Some(took) = took.and_then(milliseconds) {
            fault = format!("{fault} after {took}");
        }
        if let Some(request) = field(text, "RequestId") {
            fault = format!("{fault} (request {request})");
        }
        parts.push(Part::new(Tone::Fault, &fault));
    }
    if !starting && let Some(took) = field(text, "Init Duration").and_then(milliseconds) {
        parts.push(Part::new(Tone::Plain, &format!("cold start: {took}")));
        if let (Some(used), Some(size)) = (field(text, "Max Memory Used"), field(text, "Memory Size")) {
            parts.push(Part::new(Tone::Dim, &format!("{used} of {size} used")));
        }
    }
    parts
}

/// The value of a field, for example `9.10 ms` for `Init Duration`. `None` if the line does not have the field.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split('\t').find_map(|part| {
        // The first field follows the first word of the line, such as `REPORT`.
        let part = AROUND.iter().chain(&OF_THE_START).fold(part, |part, start| {
            part.strip_prefix(start.split(' ').next().unwrap_or_default()).unwrap_or(part)
        });
        part.trim_start().strip_prefix(name)?.strip_prefix(": ").map(str::trim)
    })
}

/// Formats a duration such as `9.10 ms`. `None` if the text has another form.
fn milliseconds(text: &str) -> Option<String> {
    text.strip_suffix(" ms")?.parse().ok().map(words::milliseconds)
}
