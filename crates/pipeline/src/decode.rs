//! Decodes a record's bytes into a row, by the fields of its pipeline file.

use crate::field::{Field, FieldType, TimestampFormat};
use crate::json::{Fault, Reader};
use crate::layout::{Column, Layout};
use crate::number::{Inexact, Number};
use crate::poison::Poison;
use crate::temporal::{YEARS, epoch_micros, parse_date, parse_timestamp};
use crate::value::Value;

/// Decodes the records of one topic. It holds no state between records and can be shared.
#[derive(Debug, Clone)]
pub struct RecordDecoder {
    layout: Layout,
    /// Whether a `json` field may hold what `jsonb` cannot.
    envelope: bool,
}

impl RecordDecoder {
    /// Returns a decoder for records with these fields, which come from a checked pipeline file.
    #[must_use]
    pub fn new(fields: &[Field]) -> Self {
        Self { layout: Layout::of(fields), envelope: false }
    }

    /// Returns a decoder that accepts every JSON value in a `json` field.
    ///
    /// [`Self::new`] refuses values that Postgres' `jsonb` cannot hold (a NUL, a number beyond `numeric`). Here the
    /// `json` fields are not stored; another decoder reads them.
    #[must_use]
    pub fn envelope(fields: &[Field]) -> Self {
        Self { envelope: true, ..Self::new(fields) }
    }

    /// Returns the layout of the rows that [`Self::decode`] fills.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Decodes one record into `row`: one value per column of [`Self::layout()`], in the same order. `row` is cleared
    /// first.
    ///
    /// Returns the number of fields in the record that the pipeline file does not name. They are checked but not
    /// stored. The record must be JSON (RFC 8259) in UTF-8, and nest at most 128 levels deep.
    ///
    /// # Errors
    /// [`Poison`] if the record is not JSON or does not fit its fields. The content of `row` is then meaningless.
    pub fn decode<'a>(&self, record: &'a [u8], row: &mut Vec<Value<'a>>) -> Result<u32, Poison> {
        row.clear();
        row.resize(self.layout.columns.len(), Value::Absent);
        let reader = Reader::new(text(record)?);
        let mut reading = Reading { decoder: self, reader, row, extra: 0 };
        reading.record()?;
        Ok(reading.extra)
    }
}

/// Returns the record as text. The error names the cause if another format is likely, such as a schema
/// registry's.
fn text(record: &[u8]) -> Result<&str, Poison> {
    let not_json = |what: &str| Err(Poison(format!("not JSON: {what}")));
    match record.first() {
        Some(0) => {
            return not_json("it begins with a NUL, like the output of a schema registry's serializer");
        }
        Some(0xef) if record.starts_with(b"\xef\xbb\xbf") => {
            return not_json("it begins with a byte order mark");
        }
        _ => {}
    }
    match std::str::from_utf8(record) {
        Ok(text) if text.trim_ascii().is_empty() => not_json("the value is empty"),
        Ok(text) => Ok(text),
        Err(_) => not_json("not UTF-8"),
    }
}

/// The state while one record is decoded.
struct Reading<'d, 'r, 'a> {
    decoder: &'d RecordDecoder,
    reader: Reader<'a>,
    row: &'r mut Vec<Value<'a>>,
    /// The number of fields that the pipeline file does not name.
    extra: u32,
}

impl<'d, 'a> Reading<'d, '_, 'a> {
    /// Reads the whole record, which must be an object and nothing else.
    fn record(&mut self) -> Result<(), Poison> {
        if self.reader.peek() != Some(b'{') {
            let found = self.other_kind().map_err(|fault| fault.poison(""))?;
            return Err(Poison(format!("the record is {found}, not an object")));
        }
        self.object(&self.decoder.layout.roots, None)?;
        self.reader.end().map_err(|fault| fault.poison(""))
    }

    /// Reads the fields of an object: the record (`of` is `None`), or the struct in column `of`. `children` are the
    /// column indices of its fields. Keys usually come in the order of the file, so the search starts after the last
    /// match.
    fn object(&mut self, children: &'d [usize], of: Option<&Column>) -> Result<(), Poison> {
        let columns = self.decoder.layout.columns.as_slice();
        let broken = |fault: Fault| fault.poison(&of.map(within).unwrap_or_default());
        self.reader.enter_object().map_err(broken)?;
        let (mut first, mut expected) = (true, 0);
        while let Some(key) = self.reader.next_key(first).map_err(broken)? {
            first = false;
            let is_key = |&index: &usize| key.is(&columns[children[index]].name);
            let found = (expected..children.len()).find(is_key).or_else(|| (0..expected).find(is_key));
            let Some(index) = found else {
                let place = " in a field that the pipeline file does not name";
                self.reader.value().map_err(|fault| fault.poison(place))?;
                self.extra += 1;
                continue;
            };
            let place = children[index];
            if self.row[place] != Value::Absent {
                return Err(Poison(format!("field `{}` occurs twice", columns[place].path)));
            }
            self.field(place)?;
            expected = index + 1;
        }
        for &place in children {
            if self.row[place] == Value::Absent {
                if !columns[place].nullable {
                    return Err(Poison(format!("field `{}` is missing", columns[place].path)));
                }
                self.row[place] = Value::Null;
            }
        }
        Ok(())
    }

    /// Reads the value of one column into the row.
    fn field(&mut self, place: usize) -> Result<(), Poison> {
        let column = &self.decoder.layout.columns[place];
        if column.field_type == FieldType::Struct && self.reader.peek() == Some(b'{') {
            self.row[place] = Value::Present;
            return self.object(&column.children, Some(column));
        }
        self.row[place] = self.value(column).map_err(|unfit| match unfit {
            Unfit::Found(found) => {
                Poison(format!("field `{}` must be {}, but is {found}", column.path, column.field_type))
            }
            Unfit::Holds(what) => {
                Poison(format!("field `{}` holds {what}, which jsonb cannot hold", column.path))
            }
            Unfit::Fault(fault) => fault.poison(&within(column)),
        })?;
        Ok(())
    }

    /// Reads one value by the column's type. A struct gets here only if its value is not an object: `null` if it is
    /// nullable, otherwise an error.
    fn value(&mut self, column: &Column) -> Result<Value<'a>, Unfit> {
        use FieldType::{Boolean, Date, Decimal, Json, String, Timestamp};
        let iso = column.format == TimestampFormat::Iso;
        match (column.field_type, self.reader.peek()) {
            (Json, first) => {
                let raw = self.reader.value()?;
                match raw.unholdable {
                    Some(what) if !self.decoder.envelope => Err(Unfit::Holds(what)),
                    _ if first == Some(b'n') && column.nullable => Ok(Value::Null),
                    _ => Ok(Value::Text(raw.text.into())),
                }
            }
            (_, Some(b'n')) if column.nullable => {
                self.reader.literal("null")?;
                Ok(Value::Null)
            }
            (Boolean, Some(b't')) => {
                self.reader.literal("true").map(|()| Value::Boolean(true)).map_err(Unfit::Fault)
            }
            (Boolean, Some(b'f')) => {
                self.reader.literal("false").map(|()| Value::Boolean(false)).map_err(Unfit::Fault)
            }
            (String, Some(b'"')) => Ok(Value::Text(self.reader.string()?.unescaped())),
            (Date, Some(b'"')) => {
                let days = parse_date(&self.reader.string()?.unescaped());
                days.map(Value::Date).ok_or(Unfit::Found("not one (`YYYY-MM-DD`)"))
            }
            (Timestamp, Some(b'"')) if iso => {
                let micros = parse_timestamp(&self.reader.string()?.unescaped());
                let micros = micros.ok_or(Unfit::Found(NO_TIMESTAMP))?;
                // The zone's offset can move the time out of the years 1 to 9999.
                YEARS.contains(&micros).then_some(Value::Timestamp(micros)).ok_or(Unfit::Found(NO_YEAR))
            }
            (Decimal { precision, scale }, Some(b'"')) => {
                let text = self.reader.string()?.unescaped();
                let number = Number::parse(&text).ok_or(INEXACT)?;
                Ok(decimal(&number, precision, scale)?)
            }
            (field_type, Some(b'-' | b'0'..=b'9')) => {
                Ok(number(self.reader.number()?, field_type, column.format)?)
            }
            _ => Err(Unfit::Found(self.other_kind()?)),
        }
    }

    /// Reads a value of the wrong type and returns the name of its JSON type, for the error message.
    fn other_kind(&mut self) -> Result<&'static str, Fault> {
        let first = self.reader.peek();
        self.reader.value()?;
        Ok(match first {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        })
    }
}

/// The end of an error message: the path of the field in which the fault is.
fn within(column: &Column) -> String {
    format!(" in field `{}`", column.path)
}

/// Why a value does not fit its column.
enum Unfit {
    /// The value is of another type, or out of range. The text says what was found.
    Found(&'static str),
    /// The value is JSON, but holds something that `jsonb` cannot store. The text says what.
    Holds(&'static str),
    /// The text is not valid JSON.
    Fault(Fault),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<&'static str> for Unfit {
    fn from(found: &'static str) -> Self {
        Self::Found(found)
    }
}

/// The end of a reason: a number with more digits than the type, or a text that is not a number.
const INEXACT: &str = "a value that it cannot hold exactly";
/// The end of a reason: a time that some reader of the tables cannot show.
const NO_YEAR: &str = "a time outside the years 1 to 9999";
/// The end of a reason: a text that is not a timestamp.
const NO_TIMESTAMP: &str = "not one (`YYYY-MM-DD HH:MM:SS`, up to 6 digits of fraction)";

/// Converts a JSON number to the column's type. The error says what was found.
fn number(
    (text, number): (&str, Number<'_>),
    field_type: FieldType,
    format: TimestampFormat,
) -> Result<Value<'static>, &'static str> {
    match field_type {
        FieldType::Int64 => integer(&number).map(Value::Integer),
        FieldType::Int32 => {
            let number = integer(&number)?;
            i32::try_from(number).map(|_| Value::Integer(number)).map_err(|_| "an integer beyond 32 bits")
        }
        FieldType::Float64 => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err("a number beyond 64-bit floats"),
        },
        FieldType::Decimal { precision, scale } => decimal(&number, precision, scale),
        FieldType::Timestamp if format != TimestampFormat::Iso => {
            epoch_micros(&number, format).map(Value::Timestamp).ok_or(NO_YEAR)
        }
        _ => Err("a number"),
    }
}

/// Returns the number as an integer. The notation does not matter: `2.0` and `2e0` are 2.
fn integer(number: &Number<'_>) -> Result<i64, &'static str> {
    match number.exact(0).map(i64::try_from) {
        Ok(Ok(number)) => Ok(number),
        Err(Inexact::Fraction) => Err("a number with a fraction"),
        Ok(Err(_)) | Err(Inexact::TooLarge) => Err("an integer beyond 64 bits"),
    }
}

/// Returns the number times 10^scale. Never rounds: digits that do not fit into `precision` and `scale` are an error.
fn decimal(number: &Number<'_>, precision: u8, scale: u8) -> Result<Value<'static>, &'static str> {
    let unscaled = number.exact(scale).ok();
    let held = unscaled.filter(|unscaled| unscaled.unsigned_abs() < 10_u128.pow(u32::from(precision)));
    held.map(Value::Decimal).ok_or(INEXACT)
}
