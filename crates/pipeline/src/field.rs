//! The fields of a record and their types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A field of a record, or of a struct within a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The JSON key and the column's name.
    pub name: String,
    /// The type of the value; the key in the file is `type`.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether the field may be `null` or absent. If `false`, such a record is parked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// How the record writes a `timestamp`. Only timestamps have a format.
    #[serde(default, skip_serializing_if = "TimestampFormat::is_iso")]
    pub format: TimestampFormat,
    /// The fields of a `struct`, in the order of the table's columns. Empty for every other type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl Field {
    /// Returns a field without inner fields. A timestamp's format is ISO 8601.
    #[must_use]
    pub fn new(name: &str, field_type: FieldType, nullable: bool) -> Self {
        Self { name: name.to_owned(), field_type, nullable, format: TimestampFormat::Iso, fields: Vec::new() }
    }
}

/// The type of a field. Its text form is the one in pipeline files, such as `int64` or `decimal(10,2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FieldType {
    /// Text.
    String,
    /// 32-bit signed integer. The notation does not matter: `2.0` and `2e0` are 2.
    Int32,
    /// 64-bit signed integer, in any notation.
    Int64,
    /// 64-bit float. The number is rounded to the nearest float; one beyond the range is an error. `-0.0` keeps its
    /// sign.
    Float64,
    /// `true` or `false`.
    Boolean,
    /// Exact decimal with `precision` digits in total, `scale` of them after the point. A JSON number or a string; it
    /// is never rounded.
    Decimal {
        /// Digits in total, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// `YYYY-MM-DD` in a string.
    Date,
    /// An instant in microseconds. [`TimestampFormat`] says how the record writes it.
    Timestamp,
    /// Any JSON value that Postgres' `jsonb` can hold. It is stored as the text in the record.
    Json,
    /// A JSON object with inner fields.
    Struct,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Float64 => f.write_str("float64"),
            Self::Boolean => f.write_str("boolean"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Json => f.write_str("json"),
            Self::Struct => f.write_str("struct"),
        }
    }
}

impl From<FieldType> for String {
    fn from(field_type: FieldType) -> Self {
        field_type.to_string()
    }
}

impl TryFrom<String> for FieldType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for FieldType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "string" => Self::String,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "json" => Self::Json,
            "struct" => Self::Struct,
            _ => return decimal(text).ok_or_else(|| unknown_type(text)),
        })
    }
}

/// Parses `decimal(p,s)`; spaces around the numbers are allowed. Returns `None` unless 1 ≤ p ≤ 38 and s ≤ p.
fn decimal(text: &str) -> Option<FieldType> {
    let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    (1..=38).contains(&precision).then_some(())?;
    (scale <= precision).then_some(FieldType::Decimal { precision, scale })
}

/// The error for a text that is not a type. It lists all types.
fn unknown_type(text: &str) -> String {
    format!(
        "`{text}` is not a type: use string, int32, int64, float64, boolean, decimal(p,s) with p up to 38, date, \
         timestamp, json or struct"
    )
}

/// How a timestamp is written in the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// `2021-08-14 22:55:50.123456`, with a `T` or a space in the middle. Fraction and zone are optional; without a
    /// zone it is UTC.
    #[default]
    Iso,
    /// Seconds since the epoch, as a number with or without a fraction, rounded to the nearest microsecond.
    EpochSeconds,
    /// Milliseconds since the epoch, as a number with or without a fraction, rounded to the nearest microsecond.
    EpochMillis,
}

impl TimestampFormat {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    fn is_iso(&self) -> bool {
        *self == Self::Iso
    }
}
