//! Formats numbers, times and JSON values for the terminal.

use chrono::{DateTime, TimeZone, Utc};
use indicatif::HumanBytes;
use serde_json::Value;

/// A size in binary units: `88.12 KiB`.
pub(super) fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// A time of CloudWatch (milliseconds since 1970) in this zone. The date is left out if it is today.
pub(super) fn time<Z: TimeZone>(milliseconds: i64, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let Some(moment) = DateTime::from_timestamp_millis(milliseconds) else {
        return milliseconds.to_string();
    };
    let (moment, now) = (moment.with_timezone(zone), Utc::now().with_timezone(zone));
    let format =
        if moment.date_naive() == now.date_naive() { "%H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    moment.format(format).to_string()
}

/// A duration in milliseconds: `41 ms`, `3.2 s`, `2 min 5 s`.
pub(super) fn milliseconds(number: f64) -> String {
    if number < 999.5 {
        format!("{number:.0} ms")
    } else if number < 99_950.0 {
        format!("{:.1} s", number / 1e3)
    } else {
        seconds(number / 1e3)
    }
}

/// A duration in seconds: `7 s`, `2 min 5 s`, `3 h 12 min`.
pub(super) fn seconds(number: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "negative and huge durations saturate"
    )]
    let whole = number.round() as u64;
    match whole {
        0..100 => format!("{whole} s"),
        100..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// The words of a metric's or field's name: `RowsStored` and `rows_stored` become `rows stored`.
pub(super) fn of_name(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words.replace('_', " ")
}

/// A count with its noun, which is given in the plural: `2 extra fields`, `1 extra field`.
pub(super) fn counted(number: u64, things: &str) -> String {
    if number != 1 {
        return format!("{number} {things}");
    }
    let mut words: Vec<&str> = things.split(' ').collect();
    if let Some(plural) = words.iter_mut().find(|word| word.ends_with('s')) {
        *plural = plural.trim_end_matches('s');
    }
    format!("1 {}", words.join(" "))
}

/// A JSON value in one line, without quotes and brackets. `None` for an empty value: null, `false`, 0, an empty
/// text, and a list or object of such values.
pub(super) fn value(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => (number.as_f64() != Some(0.0)).then(|| number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        // Of a list of objects, only the length is shown; `--json` shows all of it.
        Value::Array(all) if all.iter().any(Value::is_object) => Some(all.len().to_string()),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().filter_map(self::value).collect();
            (!all.is_empty()).then(|| all.join(", "))
        }
        Value::Object(fields) => {
            let all: Vec<String> = fields
                .iter()
                .filter_map(|(name, field)| Some(format!("{} {}", of_name(name), self::value(field)?)))
                .collect();
            (!all.is_empty()).then(|| all.join(", "))
        }
    }
}

/// The text without line breaks and control characters, so that a record's content cannot begin a new line or send
/// commands to the terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\t' | '\n' | '\r' => ' ',
            letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
            letter => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_of_other_days_have_a_date() {
        assert_eq!(time(1_700_000_000_007, &Utc), "2023-11-14 22:13:20.007");
        let now = time(Utc::now().timestamp_millis(), &Utc);
        assert!(now.len() == "00:00:00.000".len(), "{now}");
        let east = chrono::FixedOffset::east_opt(3 * 3600 + 1800).unwrap();
        assert_eq!(time(1_700_000_000_007, &east), "2023-11-15 01:43:20.007");
    }

    #[test]
    fn durations_keep_two_or_three_digits() {
        let shown = [0.4, 41.0, 999.6, 3_210.0, 125_000.0, 11_520_000.0].map(milliseconds);
        assert_eq!(shown, ["0 ms", "41 ms", "1.0 s", "3.2 s", "2 min 5 s", "3 h 12 min"]);
    }

    #[test]
    fn a_text_cannot_begin_a_line_or_control_the_terminal() {
        assert_eq!(harmless("a\nb\x1b[2Jc"), "a b\u{fffd}[2Jc");
    }
}
