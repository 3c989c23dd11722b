//! Parses one line of a function's log and formats it. The line is a wide event, an event of `tracing`, a line of
//! Lambda, or any other text.

use serde_json::{Map, Value};

use super::{
    color::{Colors, Tone},
    event, report, words,
};

/// A formatted line: its parts in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) parts: Vec<Part>,
}

/// A part of a line, with its importance.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    tone: Tone,
    text: String,
}

impl Part {
    /// Makes a part. Control characters are removed from the text.
    pub(super) fn new(tone: Tone, text: &str) -> Self {
        Self { tone, text: words::harmless(text) }
    }
}

impl Line {
    /// Parses a line of a log. Returns `None` for a line that is not worth showing, unless `all` is set: a line
    /// that Lambda writes about each invocation, or a failure that the wide event contains, too.
    pub(super) fn read(text: &str, all: bool) -> Option<Self> {
        if report::of_lambda(text) {
            return report::read(text, all);
        }
        Some(match serde_json::from_str(text) {
            Ok(Value::Object(fields)) if fields.contains_key("_aws") => event::read(&fields),
            Ok(Value::Object(fields)) if !all && repeats(&fields) => return None,
            Ok(Value::Object(fields)) => traced(&fields).unwrap_or_else(|| Self::plain(text)),
            _ => Self::plain(text),
        })
    }

    /// A line without a known format, shown unchanged. A message about the end of a failed process is a fault.
    fn plain(text: &str) -> Self {
        // In this order: a panic in Rust, an error that `main` returned, Lambda's messages for a crash and for a
        // timeout.
        let bad = (text.starts_with("thread '") && text.contains(" panicked at "))
            || text.starts_with("Error: ")
            || (text.starts_with("RequestId: ") && text.contains(" Error: "))
            || text.contains(" Task timed out after ");
        Self { parts: vec![Part::new(if bad { Tone::Fault } else { Tone::Plain }, text)] }
    }

    /// Whether the line has a warning or a fault.
    pub(super) fn is_trouble(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.tone, Tone::Warning | Tone::Fault))
    }

    /// The parts in one line, separated by ` · `.
    pub(super) fn render(&self, colors: Colors) -> String {
        let parts: Vec<String> = self.parts.iter().map(|part| colors.paint(part.tone, &part.text)).collect();
        parts.join(" · ")
    }
}

/// Whether this is the line in which `lambda_runtime` logs a failure. The wide event of the invocation contains
/// it, too.
fn repeats(line: &Map<String, Value>) -> bool {
    let message = line.get("fields").and_then(|fields| fields.get("message")).and_then(Value::as_str);
    line.get("target").and_then(Value::as_str).is_some_and(|target| target.starts_with("lambda_runtime"))
        && message.is_some_and(|message| message.starts_with("Failure { class: "))
}

/// Formats an event of `tracing` in its JSON format: level, message, fields, and the module that wrote it. `None` for
/// other JSON.
fn traced(line: &Map<String, Value>) -> Option<Line> {
    let (level, fields) = (line.get("level")?.as_str()?, line.get("fields")?.as_object()?);
    let tone = match level {
        "ERROR" => Tone::Fault,
        "WARN" => Tone::Warning,
        _ => Tone::Plain,
    };
    let mut text = level.to_owned();
    if let Some(message) = fields.get("message").and_then(words::value) {
        text = format!("{text} {message}");
    }
    let mut parts = vec![Part::new(tone, &text)];
    // Zero and `false` are shown too: in a warning they can be the cause.
    let others = fields.iter().filter(|(name, _)| *name != "message");
    parts.extend(others.map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Part::new(tone, &format!("{name}={value}"))
    }));
    if let Some(target) = line.get("target").and_then(Value::as_str) {
        parts.push(Part::new(Tone::Dim, target));
    }
    Some(Line { parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that were recorded on a stack.
    const REAL: &str = include_str!("lines/real.log");
    /// The same lines as they are shown. `-` stands for a line that is not shown.
    const SHOWN: &str = include_str!("lines/real.txt");

    fn shown(text: &str) -> String {
        Line::read(text, false).map_or_else(|| "-".to_owned(), |line| line.render(Colors::OFF))
    }

    #[test]
    fn recorded_lines_are_shown_as_expected() {
        let all: Vec<String> = REAL.lines().map(shown).collect();
        assert!(all.iter().map(String::as_str).eq(SHOWN.lines()), "lines/real.txt is:\n{}", all.join("\n"));
    }

    #[test]
    fn a_fault_is_red_and_lines_without_colours_have_no_escape_codes() {
        let fault = REAL.lines().find(|line| line.contains(r#""RecordsToRetry":4"#)).unwrap();
        let line = Line::read(fault, false).unwrap();
        assert!(line.is_trouble());
        assert!(line.render(Colors::ON).contains("\x1b[31mFAULT retryable: store a batch"));
        assert!(REAL.lines().all(|line| !shown(line).contains('\x1b')));
    }

    #[test]
    fn only_a_batch_with_a_parked_record_is_trouble() {
        let of = |stored: &str| REAL.lines().find(|line| line.contains(stored)).unwrap();
        assert!(!Line::read(of(r#""RecordsStored":3000"#), false).unwrap().is_trouble());
        assert!(Line::read(of(r#""RecordsParked":2"#), false).unwrap().is_trouble());
    }

    #[test]
    fn a_tracing_event_is_shown_with_its_level_message_and_fields() {
        let text = r#"{"timestamp":"2026-11-27T01:48:27.030652Z","level":"WARN","fields":{"message":"lines of the list are parked","list":"a.txt","lines":2,"first":"no key"},"target":"bucket_ingester::lane"}"#;
        let expected =
            "WARN lines of the list are parked · first=no key · lines=2 · list=a.txt · bucket_ingester::lane";
        assert_eq!(shown(text), expected);
        assert!(Line::read(text, false).unwrap().is_trouble());
    }

    #[test]
    fn timeouts_crashes_and_failed_starts_are_faults_of_their_requests() {
        for (text, expected) in [
            (
                "REPORT RequestId: r-1\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout",
                "timed out after 3.0 s (request r-1)",
            ),
            (
                "REPORT RequestId: r-1\tDuration: 12.00 ms\tBilled Duration: 12 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tStatus: error\tError Type: Runtime.ExitError",
                "failed: Runtime.ExitError after 12 ms (request r-1)",
            ),
            (
                "INIT_REPORT Init Duration: 10010.62 ms\tPhase: init\tStatus: timeout",
                "did not start in time after 10.0 s",
            ),
            ("2026-11-27T01:00:00.000Z r-1 Task timed out after 3.00 seconds", ""),
            ("RequestId: r-1 Error: Runtime exited with error: signal: killed", ""),
            ("thread 'main' (7) panicked at functions/x/src/main.rs:1:2:", ""),
            ("Error: LAKE_ROOT is not set", ""),
        ] {
            let line = Line::read(text, false).unwrap();
            assert!(line.is_trouble(), "{text}");
            assert_eq!(line.render(Colors::OFF), if expected.is_empty() { text } else { expected });
        }
    }

    #[test]
    fn other_lines_are_printed_unchanged() {
        for text in ["plain words", "{not json", "[1, 2]", "7", r#"{"level":"INFO"}"#, r#"{"a":1}"#, ""] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn lines_of_lambda_are_shown_only_with_all() {
        let start = "START RequestId: r-1 Version: $LATEST";
        assert_eq!((Line::read(start, false), shown(start)), (None, "-".to_owned()));
        assert_eq!(Line::read(start, true).unwrap().render(Colors::OFF), start);
    }
}
