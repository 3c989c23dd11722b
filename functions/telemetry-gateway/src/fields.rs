//! The fields of an event from a form or from JSON, and their problems.

use std::borrow::Cow;

use pipeline::{TimestampFormat, parse_epoch};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The largest number of unknown fields in an event. They are kept because a later pipeline file may use them.
pub(crate) const MOST_EXTRA: usize = 64;

/// The largest total size of the unknown fields in bytes, so that a record stays well below the brokers' limit.
pub(crate) const MOST_EXTRA_BYTES: usize = 64 << 10;

/// Decoders write this character in place of invalid bytes. If a text contains it, the client's encoding was broken.
pub(crate) const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A timestamp with more digits than this is rewritten with microseconds.
const MOST_SECONDS_BYTES: usize = 64;

/// The longest field name in a response, in characters. Longer names are cut.
const NAME_CHARS: usize = 64;

/// A problem of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field's name.
    pub field: String,
    /// The problem as a predicate, such as `must be a number`.
    pub problem: String,
}

/// Why an event is rejected. It contains names of fields, but never their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// A summary in one sentence.
    pub error: String,
    /// All fields with problems. Empty if the event could not be parsed into fields.
    pub errors: Vec<Problem>,
}

impl Rejection {
    /// The rejection of an event that could not be parsed into fields.
    pub(crate) fn unreadable(error: impl Into<String>) -> Self {
        Self { error: error.into(), errors: Vec::new() }
    }
}

/// A field's value as it was received.
#[derive(Debug, Clone)]
pub(crate) enum Given<'a> {
    /// A text from a form.
    Text(Cow<'a, str>),
    /// A value from a form that is not valid UTF-8.
    Broken,
    /// A value from JSON.
    Json(&'a RawValue),
}

/// The fields of one event that were not read yet, and the problems that were found so far.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// The fields that were not read yet, in their order.
    left: Vec<(Cow<'a, str>, Given<'a>)>,
    /// The problems in the order in which they were found.
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// The fields of an event. A field that occurs more than once is a problem, even if the values are equal.
    pub(crate) fn new(fields: Vec<(Cow<'a, str>, Given<'a>)>) -> Self {
        let mut own = Self { left: Vec::with_capacity(fields.len()), problems: Vec::new() };
        let mut repeated: Vec<Cow<'a, str>> = Vec::new();
        for (name, given) in fields {
            if !own.left.iter().any(|(other, _)| *other == name) {
                own.left.push((name, given));
            } else if !repeated.contains(&name) {
                own.note(&name, "occurs more than once");
                repeated.push(name);
            }
        }
        own
    }

    /// Reads a number of seconds since the Unix epoch, from 1970 to the end of 9999, as a JSON number. The digits are
    /// kept as they were sent. The lanes round them to microseconds with the same function that is used for the check
    /// here.
    pub(crate) fn epoch_seconds(&mut self, name: &str) -> Option<String> {
        let text = self.number_text(name)?;
        let micros = parse_epoch(&text, TimestampFormat::EpochSeconds).filter(|&micros| micros >= 0);
        let Some(micros) = micros else {
            return self.problem(name, "must be seconds since 1970, before the year 10000");
        };
        // A form may contain numbers such as `+1` or `.5`, which are not valid JSON.
        let is_json = text.len() <= MOST_SECONDS_BYTES && serde_json::from_str::<&RawValue>(&text).is_ok();
        Some(if is_json {
            text.into_owned()
        } else {
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
        })
    }

    /// Reads a finite number of 64 bits. In JSON it must be a number; a text such as `"2"` is a problem.
    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        match self.number_text(name)?.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            Ok(_) => self.problem(name, "must be a finite number of 64 bits"),
            Err(_) => self.problem(name, "must be a number"),
        }
    }

    /// Reads the text of a number. In a form any text is accepted here; the caller parses it.
    fn number_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        match self.required(name)? {
            Given::Text(text) => Some(text),
            Given::Json(json) if json.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Some(Cow::Borrowed(json.get()))
            }
            Given::Json(_) | Given::Broken => self.problem(name, "must be a number"),
        }
    }

    /// Reads a text of 1 to `most` characters without control characters.
    pub(crate) fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let given = self.required(name)?;
        let Some(text) = as_text(&given) else { return self.problem(name, "must be text") };
        if text.is_empty() {
            return self.problem(name, "must not be empty");
        }
        if text.chars().count() > most {
            return self.problem(name, &format!("must have {most} characters at the most"));
        }
        if text.chars().any(char::is_control) {
            return self.problem(name, "must not hold control characters");
        }
        if text.contains(REPLACEMENT) {
            return self.problem(name, "holds U+FFFD: its encoding was broken before it came here");
        }
        Some(text)
    }

    /// Like [`Self::text`], but returns `None` without a problem if the field is missing or null.
    pub(crate) fn optional_text(&mut self, name: &str, most: usize) -> Option<String> {
        let place = self.left.iter().position(|(other, _)| other == name)?;
        if matches!(self.left[place].1, Given::Json(json) if json.get() == "null") {
            self.left.remove(place);
            return None;
        }
        self.text(name, most)
    }

    /// Adds a problem of a field and returns `None`, so that the caller can continue with the other fields.
    pub(crate) fn problem<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.note(field, problem);
        None
    }

    /// Takes all fields that were not read: name and JSON text. Values of a form become JSON strings. Call it
    /// last.
    ///
    /// Adds a problem if a field is not valid, or if there are more than [`MOST_EXTRA`] fields or
    /// [`MOST_EXTRA_BYTES`].
    pub(crate) fn extra(&mut self) -> Vec<(String, String)> {
        let left = std::mem::take(&mut self.left);
        if left.len() > MOST_EXTRA {
            self.note("", &format!("there are more than {MOST_EXTRA} unknown fields"));
            return Vec::new();
        }
        let mut extra = Vec::with_capacity(left.len());
        for (name, given) in left {
            let value = match given {
                Given::Text(text) if !text.contains(REPLACEMENT) => Value::from(text).to_string(),
                // The value is parsed only to find problems (depth, numbers beyond 64 bits, lone surrogates). It is
                // stored unchanged.
                Given::Json(json)
                    if !json.get().contains(REPLACEMENT)
                        && serde_json::from_str::<Value>(json.get()).is_ok() =>
                {
                    json.get().to_owned()
                }
                Given::Text(_) | Given::Broken => {
                    self.note(&name, "is not UTF-8");
                    continue;
                }
                Given::Json(_) => {
                    self.note(&name, "is nested too deeply, or holds a number or text that cannot be parsed");
                    continue;
                }
            };
            extra.push((name.into_owned(), value));
        }
        let bytes: usize = extra.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_EXTRA_BYTES {
            self.note("", &format!("the unknown fields hold more than {MOST_EXTRA_BYTES} bytes"));
        }
        extra
    }

    /// The rejection with all problems; `None` if there are none. Its summary is the first problem and the
    /// number of the others.
    pub(crate) fn rejection(self) -> Option<Rejection> {
        let first = self.problems.first()?;
        let more = match self.problems.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let error = format!("{} {}{more}", first.field, first.problem).trim_start().to_owned();
        Some(Rejection { error, errors: self.problems })
    }

    /// Adds a problem. The field's name is cut to [`NAME_CHARS`], because the client chose it. An empty name
    /// means that the problem concerns the event as a whole.
    fn note(&mut self, field: &str, problem: &str) {
        let field = field.chars().take(NAME_CHARS).collect();
        self.problems.push(Problem { field, problem: problem.to_owned() });
    }

    /// Takes a field. Adds a problem if it is missing.
    fn required(&mut self, name: &str) -> Option<Given<'a>> {
        match self.left.iter().position(|(other, _)| other == name) {
            Some(place) => Some(self.left.remove(place).1),
            None => self.problem(name, "is missing"),
        }
    }
}

/// The value as text. `None` for JSON that is not a string, for a string with invalid escapes, and for a form
/// value that is not UTF-8.
fn as_text(given: &Given<'_>) -> Option<String> {
    match given {
        Given::Text(text) => Some(text.clone().into_owned()),
        Given::Broken => None,
        Given::Json(json) => serde_json::from_str(json.get()).ok(),
    }
}
