//! Infers the type of a field from its values.

use pipeline::{FieldType, TimestampFormat};

use super::names::{names_a_time, names_an_amount, words};
use super::seen::{Numbers, Seen, Strings};

/// Structs nest at most this deep. Deeper objects become `json`.
pub(super) const DEEPEST: usize = 8;

/// An object with more keys than this, most of them rare, probably has data in its keys.
const MANY_KEYS: usize = 32;

/// The type of a field, and a note for the reader of the file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) field_type: FieldType,
    pub(super) format: TimestampFormat,
    pub(super) notes: Vec<String>,
    /// Whether the command mentions the field to the user.
    pub(super) surprising: bool,
}

impl Found {
    fn new(field_type: FieldType) -> Self {
        Self { field_type, format: TimestampFormat::Iso, notes: Vec::new(), surprising: false }
    }

    fn epoch(format: TimestampFormat) -> Self {
        Self { format, ..Self::new(FieldType::Timestamp) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn surprise(self, note: impl Into<String>) -> Self {
        Self { surprising: true, ..self.note(note) }
    }
}

/// The type `json` with the reason.
pub(super) fn json(why: impl Into<String>) -> Found {
    Found::new(FieldType::Json).note(why)
}

/// The type `json` with a reason that the command mentions to the user.
pub(super) fn odd_json(why: impl Into<String>) -> Found {
    Found::new(FieldType::Json).surprise(why)
}

/// The type of the values. `as_time` says that the user chose the field as event time. An object with fields is a `Struct`
/// here; its fields decide whether it stays one.
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
        [] => odd_json("only null in the sample: give it its type before the first `headwater up`"),
        [("text", _)] => string(name, &seen.strings),
        [("a number", _)] => number(name, &seen.numbers, as_time),
        [("a boolean", _)] => Found::new(FieldType::Boolean),
        [("a list", _)] => json("a list"),
        [_] => object(seen, depth),
        mixed => {
            let parts: Vec<String> = mixed.iter().map(|(kind, count)| format!("{kind} in {count}")).collect();
            odd_json(format!("types disagree: {}", parts.join(", ")))
        }
    }
}

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
            "looks like a timestamp, but not all have at most 6 digits of fraction and a zone such as Z or +02:00",
        )
    } else if times == count {
        found.surprise("dates and timestamps in one field")
    } else if times > 0 && times + empty == count {
        found.surprise("a date or time that is an empty text in some records")
    } else {
        found
    }
}

/// A decimal type only if all values have the same number of digits after the point: `1.2` may be a version.
fn decimal(name: &str, strings: &Strings) -> Option<Found> {
    let (fewest, most) = strings.scales?;
    let digits = strings.whole + most;
    let agreed = strings.decimals == strings.count && fewest == most && most >= 2 && digits <= 38;
    if !agreed || words(name).iter().any(|word| word.contains("version")) {
        return None;
    }
    let precision = if digits <= 16 { 18 } else { 38 };
    let scale = u8::try_from(most).ok()?;
    Some(
        Found::new(FieldType::Decimal { precision, scale }).note(format!(
            "text with always {most} digits behind the point; write `string` to keep it as text"
        )),
    )
}

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
            found.surprise("looks like microseconds since 1970, which no timestamp format takes")
        } else {
            found
        };
    }
    if long + longer == count {
        return Found::new(FieldType::Decimal { precision: 38, scale: 0 })
            .surprise("integers beyond 64 bits");
    }
    if double < count {
        return odd_json("numbers beyond 64-bit floats");
    }
    if beyond_double > 0 {
        return odd_json("fractions, and integers that a float64 would round");
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

fn object(seen: &Seen, depth: usize) -> Found {
    let (objects, fields) = (seen.objects.count, seen.objects.fields.len());
    let present: u64 = seen.objects.fields.iter().map(|(_, field)| field.present).sum();
    if fields == 0 {
        return odd_json("only empty objects in the sample");
    }
    if depth >= DEEPEST {
        return json("an object, nested too deep for a struct");
    }
    // An average key occurs in fewer than a fifth of the objects.
    if fields > MANY_KEYS && present * 5 < objects * fields as u64 {
        return odd_json(format!("an object with {fields} different keys, which look like data"));
    }
    Found::new(FieldType::Struct)
}
