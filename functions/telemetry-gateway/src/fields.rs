//! An event's fields as they came, in a form or in JSON, and what is wrong with them.

use std::borrow::Cow;

use pipeline::{TimestampFormat, parse_epoch};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Fields that an event may have besides the known ones: a later pipeline file may name them.
pub(crate) const MOST_EXTRA: usize = 64;

/// What such fields may hold together, so that a record stays well below what a broker takes.
pub(crate) const MOST_EXTRA_BYTES: usize = 64 << 10;

/// What decoders make of bytes that are no text: its presence tells that the sender's encoding is broken.
pub(crate) const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A longer number of seconds is written to the microsecond.
const MOST_SECONDS_BYTES: usize = 64;

/// A name that is repeated to the sender is cut here.
const NAME_CHARS: usize = 64;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field.
    pub field: String,
    /// What it must be.
    pub problem: String,
}

/// Why an event is not taken. It names fields, not what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// In one sentence.
    pub error: String,
    /// Every field with something wrong; none where there are no fields to speak of.
    pub errors: Vec<Problem>,
}

impl Rejection {
    /// The event could not be read at all.
    pub(crate) fn unreadable(error: impl Into<String>) -> Self {
        Self { error: error.into(), errors: Vec::new() }
    }
}

/// A field's value as it came.
#[derive(Debug, Clone)]
pub(crate) enum Given<'a> {
    /// In a form.
    Text(Cow<'a, str>),
    /// In a form, where it was no text.
    Broken,
    /// In JSON.
    Json(&'a RawValue),
}

/// The fields of one event that are not read yet, and what was wrong with those that were.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    left: Vec<(Cow<'a, str>, Given<'a>)>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// The fields of an event; what occurs twice is wrong whatever it holds.
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

    /// Seconds since the epoch, from 1970 to the end of 9999, as a JSON number. It keeps the digits that were sent: the
    /// lanes round them to the microsecond, with the function that checks them here.
    pub(crate) fn epoch_seconds(&mut self, name: &str) -> Option<String> {
        let text = self.number_text(name)?;
        let micros = parse_epoch(&text, TimestampFormat::EpochSeconds).filter(|&micros| micros >= 0);
        let Some(micros) = micros else {
            return self.problem(name, "must be seconds since 1970, before the year 10000");
        };
        // Forms may hold `+1` or `.5`, which JSON does not have.
        let is_json = text.len() <= MOST_SECONDS_BYTES && serde_json::from_str::<&RawValue>(&text).is_ok();
        Some(if is_json {
            text.into_owned()
        } else {
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
        })
    }

    /// A finite number.
    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        match self.number_text(name)?.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            Ok(_) => self.problem(name, "must be a finite number of 64 bits"),
            Err(_) => self.problem(name, "must be a number"),
        }
    }

    /// What is given as a number; in a form that is any text.
    fn number_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        match self.required(name)? {
            Given::Text(text) => Some(text),
            Given::Json(json) if json.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Some(Cow::Borrowed(json.get()))
            }
            Given::Json(_) | Given::Broken => self.problem(name, "must be a number"),
        }
    }

    /// Text of 1 to `most` characters.
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

    /// As [`Self::text`], where the field is there and not null.
    pub(crate) fn optional_text(&mut self, name: &str, most: usize) -> Option<String> {
        let place = self.left.iter().position(|(other, _)| other == name)?;
        if matches!(self.left[place].1, Given::Json(json) if json.get() == "null") {
            self.left.remove(place);
            return None;
        }
        self.text(name, most)
    }

    /// Notes what is wrong with a field, for a caller that goes on without it.
    pub(crate) fn problem<T>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.note(field, problem);
        None
    }

    /// Ends the reading: all that was not asked for, by name and as JSON text.
    pub(crate) fn extra(&mut self) -> Vec<(String, String)> {
        let left = std::mem::take(&mut self.left);
        if left.len() > MOST_EXTRA {
            self.note("", &format!("there are more than {MOST_EXTRA} fields that are not known"));
            return Vec::new();
        }
        let mut extra = Vec::with_capacity(left.len());
        for (name, given) in left {
            let value = match given {
                Given::Text(text) if !text.contains(REPLACEMENT) => Value::from(text).to_string(),
                // Parsed for its problems (depth, numbers beyond 64 bits, half characters), carried as it stands.
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
                    self.note(&name, "nests too deep, or holds what no reader can hold");
                    continue;
                }
            };
            extra.push((name.into_owned(), value));
        }
        let bytes: usize = extra.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_EXTRA_BYTES {
            self.note("", &format!("fields that are not known hold more than {MOST_EXTRA_BYTES} bytes"));
        }
        extra
    }

    /// What was wrong, if anything was.
    pub(crate) fn rejection(self) -> Option<Rejection> {
        let first = self.problems.first()?;
        let more = match self.problems.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let error = format!("{} {}{more}", first.field, first.problem).trim_start().to_owned();
        Some(Rejection { error, errors: self.problems })
    }

    fn note(&mut self, field: &str, problem: &str) {
        let field = field.chars().take(NAME_CHARS).collect();
        self.problems.push(Problem { field, problem: problem.to_owned() });
    }

    fn required(&mut self, name: &str) -> Option<Given<'a>> {
        match self.left.iter().position(|(other, _)| other == name) {
            Some(place) => Some(self.left.remove(place).1),
            None => self.problem(name, "is missing"),
        }
    }
}

fn as_text(given: &Given<'_>) -> Option<String> {
    match given {
        Given::Text(text) => Some(text.clone().into_owned()),
        Given::Broken => None,
        Given::Json(json) => serde_json::from_str(json.get()).ok(),
    }
}
