//! Decoded values as Postgres takes them; none for what is null.

use std::borrow::Cow;

use chrono::{DateTime, Days, NaiveDate, Utc};
use pipeline::{Poison, Value};

/// Takes a text. One that holds a NUL is poison: Postgres cannot hold it.
pub fn text(value: &mut Value<'_>) -> Result<Option<String>, Poison> {
    match std::mem::take(value) {
        Value::Text(text) if text.contains('\0') => {
            Err(Poison("a text holds a NUL, which Postgres cannot".to_owned()))
        }
        Value::Text(text) => Ok(Some(Cow::into_owned(text))),
        _ => Ok(None),
    }
}

/// An integer.
#[must_use]
pub fn integer(value: &Value<'_>) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

/// A float.
#[must_use]
pub fn float(value: &Value<'_>) -> Option<f64> {
    if let Value::Float(number) = value { Some(*number) } else { None }
}

/// A truth value.
#[must_use]
pub fn boolean(value: &Value<'_>) -> Option<bool> {
    if let Value::Boolean(truth) = value { Some(*truth) } else { None }
}

/// A day.
#[must_use]
pub fn date(value: &Value<'_>) -> Option<NaiveDate> {
    let Value::Date(days) = value else { return None };
    let (epoch, distance) = (NaiveDate::default(), Days::new(days.unsigned_abs().into()));
    if *days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }
}

/// An instant.
#[must_use]
pub fn time(value: &Value<'_>) -> Option<DateTime<Utc>> {
    if let Value::Timestamp(micros) = value { DateTime::from_timestamp_micros(*micros) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_before_and_after_the_epoch_are_dates() {
        for (days, expected) in [(0, "1970-01-01"), (-1, "1969-12-31"), (20_778, "2026-11-21")] {
            assert_eq!(date(&Value::Date(days)).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_text_with_a_nul_is_poison_and_null_is_none() {
        assert!(text(&mut Value::Text("a\0".into())).is_err());
        assert_eq!(text(&mut Value::Text("a".into())), Ok(Some("a".to_owned())));
        assert_eq!(text(&mut Value::Null), Ok(None));
    }
}
