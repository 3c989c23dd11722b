//! Converts decoded values for Postgres. `None` is null, or a value of another type.

use std::borrow::Cow;

use chrono::{DateTime, Days, NaiveDate, Utc};
use pipeline::{FieldType, Poison, Value};
use tokio_postgres::types::{ToSql, Type};

/// The reason for parking a record with a NUL in a text.
pub const NUL: &str = "the table cannot hold it: a text holds a NUL";

/// Whether the value is a text with a NUL, which Postgres cannot store.
#[must_use]
pub fn has_nul(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(text) if text.contains('\0'))
}

/// Takes the text out of a value.
///
/// # Errors
/// [`Poison`] if the text contains a NUL, which Postgres cannot store.
pub fn text(value: &mut Value<'_>) -> Result<Option<String>, Poison> {
    match std::mem::take(value) {
        Value::Text(text) if text.contains('\0') => {
            Err(Poison("a text holds a NUL, which Postgres cannot store".to_owned()))
        }
        Value::Text(text) => Ok(Some(Cow::into_owned(text))),
        _ => Ok(None),
    }
}

/// The value as an integer.
///
/// Fields of type `int32` are integers too.
#[must_use]
pub fn integer(value: &Value<'_>) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

/// The value as a float.
#[must_use]
pub fn float(value: &Value<'_>) -> Option<f64> {
    if let Value::Float(number) = value { Some(*number) } else { None }
}

/// The value as a boolean.
#[must_use]
pub fn boolean(value: &Value<'_>) -> Option<bool> {
    if let Value::Boolean(truth) = value { Some(*truth) } else { None }
}

/// The value as a date.
///
/// The value is a number of days since 1970-01-01.
#[must_use]
pub fn date(value: &Value<'_>) -> Option<NaiveDate> {
    let Value::Date(days) = value else { return None };
    let (epoch, distance) = (NaiveDate::default(), Days::new(days.unsigned_abs().into()));
    if *days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }
}

/// The value as an instant.
///
/// The value is a number of microseconds since the Unix epoch. A time that chrono cannot hold is `None`.
#[must_use]
pub fn time(value: &Value<'_>) -> Option<DateTime<Utc>> {
    if let Value::Timestamp(micros) = value { DateTime::from_timestamp_micros(*micros) } else { None }
}

/// Formats a decimal for Postgres. `unscaled` is its value times 10^scale.
#[must_use]
pub fn decimal_text(unscaled: i128, scale: u8) -> String {
    let (sign, digits) = (if unscaled < 0 { "-" } else { "" }, unscaled.unsigned_abs().to_string());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    format!("{sign}{whole}.{fraction}")
}

/// One column of many rows as an array parameter. Decimals and JSON are passed as text.
pub(crate) fn array<'a, 'r: 'a>(
    field_type: FieldType,
    column: impl Iterator<Item = &'a Value<'r>>,
) -> (Box<dyn ToSql + Sync + Send + 'a>, Type) {
    fn all<'a, 'r: 'a, T: ToSql + Sync + Send + 'a>(
        column: impl Iterator<Item = &'a Value<'r>>,
        value: impl Fn(&'a Value<'r>) -> Option<T>,
    ) -> Box<dyn ToSql + Sync + Send + 'a> {
        Box::new(column.map(value).collect::<Vec<Option<T>>>())
    }
    let borrowed =
        |value: &'a Value<'r>| if let Value::Text(text) = value { Some(text.as_ref()) } else { None };
    match field_type {
        FieldType::String | FieldType::Json | FieldType::Struct => (all(column, borrowed), Type::TEXT_ARRAY),
        FieldType::Int32 => {
            (all(column, |value| integer(value).and_then(|n| i32::try_from(n).ok())), Type::INT4_ARRAY)
        }
        FieldType::Int64 => (all(column, integer), Type::INT8_ARRAY),
        FieldType::Float64 => (all(column, float), Type::FLOAT8_ARRAY),
        FieldType::Boolean => (all(column, boolean), Type::BOOL_ARRAY),
        FieldType::Date => (all(column, date), Type::DATE_ARRAY),
        FieldType::Timestamp => (all(column, time), Type::TIMESTAMPTZ_ARRAY),
        FieldType::Decimal { scale, .. } => {
            let decimal = |value: &Value<'_>| {
                if let Value::Decimal(unscaled) = value { Some(decimal_text(*unscaled, scale)) } else { None }
            };
            (all(column, decimal), Type::TEXT_ARRAY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_postgres_reads_them() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(12_345, 2), "123.45");
        assert_eq!(decimal_text(i128::from(i64::MIN), 0), i64::MIN.to_string());
    }

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
