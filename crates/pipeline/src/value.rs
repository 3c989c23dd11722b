//! A decoded field, borrowed from the record where it can be.

use std::borrow::Cow;

/// One field of one record.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value<'a> {
    /// Not met in the record; in a decoded row only within a struct that is null.
    #[default]
    Absent,
    /// `null` or left out, where that is allowed.
    Null,
    /// A struct that is there; its fields have places of their own.
    Present,
    /// Text, or a JSON value as text.
    Text(Cow<'a, str>),
    /// An integer of either width.
    Integer(i64),
    /// A finite float.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A decimal, times ten to the power of its scale.
    Decimal(i128),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since the epoch.
    Timestamp(i64),
}
