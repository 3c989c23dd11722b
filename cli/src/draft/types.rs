//! Infers the type of a field from the counted forms of its values.

use pipeline::{FieldType, TimestampFormat};

use super::names::{names_a_time, names_an_amount, words};
use super::seen::{Numbers, Seen, Strings};

/// The largest depth of nested structs. Deeper objects become `json`.
pub(super) const DEEPEST: usize = 8;

/// An object with more keys than this probably has data in its keys, if most of the keys are rare.
const MANY_KEYS: usize = 32;

/// The inferred type of a field, with notes for the reader of the file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) field_type: FieldType,
    /// The notation of a timestamp. `Iso` for all other types.
    pub(super) format: TimestampFormat,
    /// Parts of the comment beside the field.
    pub(super) notes: Vec<String>,
    /// Whether the command also prints the notes, because the user should check the type.
    pub(super) surprising: bool,
}

impl Found {
    fn new(field_type: FieldType) -> Self {
        Self { field_type, format: TimestampFormat::Iso, notes: Vec::new(), surprising: false }
    }

    /// A timestamp that is written as a number.
    fn epoch(format: TimestampFormat) -> Self {
        Self { format, ..Self::new(FieldType::Timestamp) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a note that the command also prints.
    fn surprise(self, note: impl Into<String>) -> Self {
        Self { surprising: true, ..self.note(note) }
    }
}

/// The type `json`, with the reason as a comment in the file.
pub(super) fn json(why: impl Into<String>) -> Found {
    Found::new(FieldType::Json).note(why)
}

/// The type `json`, with a reason that the command also prints.
pub(super) fn odd_json(why: impl Into<String>) -> Found {
    Found::new(FieldType::Json).surprise(why)
}

/// Infers the type of a field from its values. Nulls do not count, and values of several types become `json`.
///
/// `as_time` is set if the user chose the field as event time. For an object, the result is a `Struct`; the caller
/// may change it to `json` if one of its fields cannot be a column.
pub(super) fn type_of(name: &str, seen: &Seen, depth: usize, as_time: bool) -> Found {
    let kinds = [
        ("text", seen.strings.count),
        ("a number", seen.numbers.count),
        ("a boolean", seen.booleans),
        ("a list", seen.lists),
        ("an object", seen.objects.count),
    ];
    let met: Vec<_> = kinds.into_iter().filter(|(_, count)| *count > 0).collect();
    match met.as_slice() {
        [] => odd_json("only null in the sample: set its type before the first `headwater up`"),
        [("text", _)] => string(name, &seen.strings),
        [("a number", _)] => number(name, &seen.numbers, as_time),
        [("a boolean", _)] => Found::new(FieldType::Boolean),
        [("a list", _)] => json("a list"),
        [_] => object(seen, depth),
        mixed => {
            let parts: Vec<String> = mixed.iter().map(|(kind, count)| format!("{kind} in {count}")).collect();
            odd_json(format!("values of several types: {}", parts.join(", ")))
        }
    }
}

/// The type of a field whose values are all text: date, timestamp, decimal or string. One other value makes it a
/// string.
fn string(name: &str, strings: &Strings) -> Found {
    let Strings { count, empty, dates, timestamps, zoneless, nearly, .. } = *strings;
    if dates == count {
        return Found::new(FieldType::Date);
    }
    if timestamps == count {
        let found = Found::new(FieldType::Timestamp);
        return if zoneless == 0 { found } else { found.note("without a time zone, so read as UTC") };
    }
    if let Some(decimal) = decimal(name, strings) {
        return decimal;
    }
    let found = Found::new(FieldType::String);
    let times = dates + timestamps + nearly;
    if times == count && nearly > 0 {
        found.surprise(
            "looks like a timestamp, but some values cannot be parsed (at most 6 digits of fraction; a zone such as Z)",
        )
    } else if times == count {
        found.surprise("some values are dates and some are timestamps")
    } else if times > 0 && times + empty == count {
        found.surprise("a date or time, but an empty text in some records")
    } else {
        found
    }
}

/// The decimal type of a text field. `None` unless all values are decimals with the same number of digits after the
/// point, at least two: `1.2` may be a version.
fn decimal(name: &str, strings: &Strings) -> Option<Found> {
    let (fewest, most) = strings.scales?;
    let digits = strings.whole + most;
    let agreed = strings.decimals == strings.count && fewest == most && most >= 2 && digits <= 38;
    if !agreed || words(name).iter().any(|word| word.contains("version")) {
        return None;
    }
    let precision = if digits <= 16 { 18 } else { 38 };
    let scale = u8::try_from(most).ok()?;
    Some(Found::new(FieldType::Decimal { precision, scale }).note(format!(
        "text that always has {most} digits after the point; write `string` to keep it as text"
    )))
}

/// The type of a field whose values are all numbers. A number is a time only if the name or the user says so and all
/// values are in a plausible range.
fn number(name: &str, numbers: &Numbers, as_time: bool) -> Found {
    let &Numbers { count, long, longer, double, beyond_double, seconds, millis, micros } = numbers;
    if names_a_time(name) || as_time {
        if seconds == count {
            return Found::epoch(TimestampFormat::EpochSeconds).note("seconds since 1970");
        }
        if millis == count {
            return Found::epoch(TimestampFormat::EpochMillis).note("milliseconds since 1970");
        }
    }
    if long == count {
        let found = Found::new(FieldType::Int64);
        return if names_a_time(name) && micros == count {
            found.surprise("looks like microseconds since 1970, for which there is no timestamp format")
        } else {
            found
        };
    }
    if long + longer == count {
        return Found::new(FieldType::Decimal { precision: 38, scale: 0 })
            .surprise("integers of more than 64 bits");
    }
    if double < count {
        return odd_json("numbers too large for float64");
    }
    if beyond_double > 0 {
        return odd_json("fractions, and integers that float64 would round");
    }
    let found = Found::new(FieldType::Float64);
    if names_an_amount(name) {
        found.note("rounded to the nearest double; for exact sums write \"decimal(18,2)\"")
    } else if long > 0 {
        found.note(format!("an integer in {long} of {count}"))
    } else {
        found
    }
}

/// The type of a field whose values are all objects: `Struct`, or `json` if its keys cannot be columns.
fn object(seen: &Seen, depth: usize) -> Found {
    let (objects, fields) = (seen.objects.count, seen.objects.fields.len());
    let present: u64 = seen.objects.fields.iter().map(|(_, field)| field.present).sum();
    if fields == 0 {
        return odd_json("only empty objects in the sample");
    }
    if depth >= DEEPEST {
        return json("an object that is nested too deep for a struct");
    }
    // An average key occurs in fewer than a fifth of the objects.
    if fields > MANY_KEYS && present * 5 < objects * fields as u64 {
        return odd_json(format!("an object with {fields} different keys, which are probably data"));
    }
    Found::new(FieldType::Struct)
}
