//! A decoded field. Text is borrowed from the record where possible.

use std::borrow::Cow;

/// The decoded value of one field of one record.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value<'a> {
    /// The decoder has not read this field. In a row that was decoded without error, only the fields of a null struct
    /// are `Absent`.
    #[default]
    Absent,
    /// The field is `null` or missing, and its pipeline file allows that (`nullable`).
    Null,
    /// The struct is present; its fields are separate entries in the row.
    Present,
    /// The text of a string without its escapes, or a `json` field as its JSON text.
    Text(Cow<'a, str>),
    /// The value of an `int32` or `int64` field.
    Integer(i64),
    /// A 64-bit float, never infinite or NaN.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// The decimal multiplied by 10^scale: 12.34 with scale 2 is 1234.
    Decimal(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
}
