//! A record's bytes → a row, by the fields of its pipeline file.

use crate::field::{Field, FieldType, TimestampFormat};
use crate::json::{Fault, Reader};
use crate::layout::{Column, Layout};
use crate::number::{Inexact, Number};
use crate::poison::Poison;
use crate::temporal::{YEARS, epoch_micros, parse_date, parse_timestamp};
use crate::value::Value;

/// Decodes records of one topic.
#[derive(Debug, Clone)]
pub struct RecordDecoder {
    layout: Layout,
    envelope: bool,
}

impl RecordDecoder {
    /// A decoder for records with these fields.
    #[must_use]
    pub fn new(fields: &[Field]) -> Self {
        Self { layout: Layout::of(fields), envelope: false }
    }

    /// A decoder whose `json` fields are not stored but read by a further decoder: they may hold what `jsonb` cannot.
    #[must_use]
    pub fn envelope(fields: &[Field]) -> Self {
        Self { envelope: true, ..Self::new(fields) }
    }

    /// The places of the rows that [`Self::decode`] fills.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Decodes one record into `row`, one value for each place of the layout. Returns how many fields the record has
    /// that its pipeline file does not name, or why it is poison; `row` holds nothing of use then.
    ///
    /// The whole record is checked, fields that are left out included: it is JSON by RFC 8259, and its strings are
    /// Unicode.
    pub fn decode<'a>(&self, record: &'a [u8], row: &mut Vec<Value<'a>>) -> Result<u32, Poison> {
        row.clear();
        row.resize(self.layout.columns.len(), Value::Absent);
        let reader = Reader::new(text(record)?);
        let mut reading = Reading { decoder: self, reader, row, extra: 0 };
        reading.record()?;
        Ok(reading.extra)
    }
}

/// The record as text. Says what it is where other systems write something else before the JSON.
fn text(record: &[u8]) -> Result<&str, Poison> {
    let not_json = |what: &str| Err(Poison(format!("not JSON: {what}")));
    match record.first() {
        Some(0) => {
            return not_json("it begins with a NUL, as what a schema registry's serializer writes does");
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

struct Reading<'d, 'r, 'a> {
    decoder: &'d RecordDecoder,
    reader: Reader<'a>,
    row: &'r mut Vec<Value<'a>>,
    extra: u32,
}

impl<'d, 'a> Reading<'d, '_, 'a> {
    fn record(&mut self) -> Result<(), Poison> {
        if self.reader.peek() != Some(b'{') {
            let found = self.other_kind().map_err(|fault| fault.poison(""))?;
            return Err(Poison(format!("the record is {found}, not an object")));
        }
        self.object(&self.decoder.layout.roots, None)?;
        self.reader.end().map_err(|fault| fault.poison(""))
    }

    /// Reads the fields of the record, or of a struct. Keys mostly come in the file's order, so the search begins
    /// behind the last match.
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
                // A zone can move a time out of the years.
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

    /// Reads a value that does not belong here, and says what it is.
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

/// Where a fault is.
fn within(column: &Column) -> String {
    format!(" in field `{}`", column.path)
}

/// Why a value is none of its field.
enum Unfit {
    /// It is this instead.
    Found(&'static str),
    /// It is JSON, but holds this.
    Holds(&'static str),
    /// It is not JSON.
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

const INEXACT: &str = "something that it cannot hold exactly";
const NO_YEAR: &str = "a time outside the years 1 to 9999";
const NO_TIMESTAMP: &str = "not one (`YYYY-MM-DD HH:MM:SS`, up to 6 digits of fraction)";

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

/// An integer in any notation.
fn integer(number: &Number<'_>) -> Result<i64, &'static str> {
    match number.exact(0).map(i64::try_from) {
        Ok(Ok(number)) => Ok(number),
        Err(Inexact::Fraction) => Err("a number with a fraction"),
        Ok(Err(_)) | Err(Inexact::TooLarge) => Err("an integer beyond 64 bits"),
    }
}

fn decimal(number: &Number<'_>, precision: u8, scale: u8) -> Result<Value<'static>, &'static str> {
    let unscaled = number.exact(scale).ok();
    let held = unscaled.filter(|unscaled| unscaled.unsigned_abs() < 10_u128.pow(u32::from(precision)));
    held.map(Value::Decimal).ok_or(INEXACT)
}
