//! The lines that Lambda itself writes in the log of a function.

use faults::FaultClass;

use super::{
    color::Tone,
    line::{Line, Part},
    words,
};

const AROUND: [&str; 3] = ["START RequestId:", "END RequestId:", "REPORT RequestId:"];
const OF_THE_START: [&str; 4] = ["INIT_START ", "INIT_REPORT ", "RESTORE_START ", "RESTORE_REPORT "];

/// Whether Lambda itself wrote this line around an invocation.
pub(super) fn of_the_platform(text: &str) -> bool {
    AROUND.iter().any(|start| text.starts_with(start))
}

/// Whether Lambda itself wrote this line, around an invocation or when it started a process.
pub(super) fn of_lambda(text: &str) -> bool {
    of_the_platform(text) || OF_THE_START.iter().any(|start| text.starts_with(start))
}

/// Parses a line of Lambda: a cold start, a timeout, a crash. With `all`, the line itself is shown as well.
pub(super) fn read(text: &str, all: bool) -> Option<Line> {
    let mut parts = told(text);
    if all {
        parts.push(Part::new(Tone::Dim, text));
    }
    (!parts.is_empty()).then_some(Line { parts })
}

fn told(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let starting = text.starts_with("INIT_REPORT");
    let took = field(text, "Duration").or_else(|| starting.then(|| field(text, "Init Duration")).flatten());
    // If the failure has a class, the wide event contains more about it.
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

/// The value of a field: `Init Duration: 9.10 ms`, between tabs.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split('\t').find_map(|part| {
        // The first field follows the line's first word.
        let part = AROUND.iter().chain(&OF_THE_START).fold(part, |part, start| {
            part.strip_prefix(start.split(' ').next().unwrap_or_default()).unwrap_or(part)
        });
        part.trim_start().strip_prefix(name)?.strip_prefix(": ").map(str::trim)
    })
}

fn milliseconds(text: &str) -> Option<String> {
    text.strip_suffix(" ms")?.parse().ok().map(words::milliseconds)
}
