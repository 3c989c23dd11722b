//! A record's bytes → a row, by the fields of its pipeline file.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sonic_rs::{JsonValueTrait, LazyValue};

use crate::decimal::parse_decimal;
use crate::depth::{MAX_DEPTH, nests_too_deep};
use crate::field::{Field, FieldType, TimestampFormat};
use crate::layout::{Column, Layout};
use crate::temporal::{parse_date, parse_timestamp};
use crate::value::Value;

/// Why a record can never be stored. The text names the field and what is wrong, not the record's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);

/// Decodes records of one topic.
#[derive(Debug, Clone)]
pub struct RecordDecoder {
    layout: Layout,
}

impl RecordDecoder {
    /// A decoder for records with these fields.
    #[must_use]
    pub fn new(fields: &[Field]) -> Self {
        Self { layout: Layout::of(fields) }
    }

    /// The places of the rows that [`Self::decode`] fills.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Decodes one record into `row`, one value for each place of the layout. Returns how many fields the record has
    /// that its pipeline file does not name, or why it is poison; `row` holds nothing of use then.
    pub fn decode<'a>(&self, record: &'a [u8], row: &mut Vec<Value<'a>>) -> Result<u32, Poison> {
        row.clear();
        row.resize(self.layout.columns.len(), Value::Absent);
        let text = std::str::from_utf8(record).map_err(|_| Poison("not JSON: not UTF-8".into()))?;
        if text.trim_ascii().is_empty() {
            return Err(Poison("not JSON: the value is empty".into()));
        }
        if nests_too_deep(record) {
            return Err(Poison(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let mut reading = Reading { layout: &self.layout, row, extra: 0, poison: None };
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        let root = ObjectSeed { reading: &mut reading, children: &self.layout.roots, path: None };
        match root.deserialize(&mut deserializer).and_then(|()| deserializer.end()) {
            Ok(()) => Ok(reading.extra),
            Err(error) => Err(reading.poison.unwrap_or_else(|| not_json(&error))),
        }
    }
}

/// The parser's message without its quotation of the input, which follows on further lines.
fn not_json(error: &sonic_rs::Error) -> Poison {
    Poison(format!("not JSON: {}", error.to_string().lines().next().unwrap_or_default()))
}

struct Reading<'l, 'r, 'a> {
    layout: &'l Layout,
    row: &'r mut Vec<Value<'a>>,
    extra: u32,
    poison: Option<Poison>,
}

impl Reading<'_, '_, '_> {
    /// Notes the reason and gives the parser an error to stop with.
    fn poison<E: Error>(&mut self, reason: String) -> E {
        self.poison = Some(Poison(reason));
        E::custom("poison")
    }
}

struct ObjectSeed<'s, 'l, 'r, 'a> {
    reading: &'s mut Reading<'l, 'r, 'a>,
    children: &'l [usize],
    /// The place of the struct that this object is; none for the record itself.
    path: Option<usize>,
}

impl<'a> ObjectSeed<'_, '_, '_, 'a> {
    /// Reads the object's fields. Keys mostly come in the file's order, so the search begins behind the last match.
    fn read<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, children, .. } = self;
        let layout = reading.layout;
        let mut expected = 0;
        while let Some(index) = map.next_key_seed(KeySeed { layout, children, expected })? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                reading.extra += 1;
                continue;
            };
            let place = children[index];
            if reading.row[place] != Value::Absent {
                return Err(reading.poison(format!("field `{}` occurs twice", layout.columns[place].path)));
            }
            map.next_value_seed(FieldSeed { reading, column: &layout.columns[place], place })?;
            expected = index + 1;
        }
        for &place in children {
            let column = &layout.columns[place];
            if reading.row[place] == Value::Absent {
                if !column.nullable {
                    return Err(reading.poison(format!("field `{}` is missing", column.path)));
                }
                reading.row[place] = Value::Null;
            }
        }
        Ok(())
    }

    fn not_an_object<E: Error>(self, found: &str) -> E {
        let reason = match self.path {
            None => format!("the record is {found}, not an object"),
            Some(place) => {
                let column = &self.reading.layout.columns[place];
                format!("field `{}` must be {}, but is {found}", column.path, column.field_type)
            }
        };
        self.reading.poison(reason)
    }
}

impl<'a> DeserializeSeed<'a> for ObjectSeed<'_, '_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The other kinds of value, as a reader is told of them.
macro_rules! refuse {
    ($method:ident) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
            Err(self.$method("a boolean"))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
            Err(self.$method("a number"))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
            Err(self.$method("a number"))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
            Err(self.$method("a number"))
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
            Err(self.$method("a string"))
        }
        fn visit_unit<E: Error>(self) -> Result<(), E> {
            Err(self.$method("null"))
        }
    };
}

impl<'a> Visitor<'a> for ObjectSeed<'_, '_, '_, 'a> {
    type Value = ();

    refuse!(not_an_object);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<(), A::Error> {
        Err(self.not_an_object("a list"))
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        self.read(map)
    }
}

/// Finds a key among an object's fields.
struct KeySeed<'l> {
    layout: &'l Layout,
    children: &'l [usize],
    expected: usize,
}

impl<'a> DeserializeSeed<'a> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let is_key = |&index: &usize| self.layout.columns[self.children[index]].name == key;
        let from = self.expected.min(self.children.len());
        Ok((from..self.children.len()).find(is_key).or_else(|| (0..from).find(is_key)))
    }
}

struct FieldSeed<'s, 'l, 'r, 'a> {
    reading: &'s mut Reading<'l, 'r, 'a>,
    column: &'l Column,
    place: usize,
}

impl<'a> FieldSeed<'_, '_, '_, 'a> {
    #[expect(clippy::unnecessary_wraps, reason = "every visit ends with it")]
    fn set<E>(self, value: Value<'a>) -> Result<(), E> {
        self.reading.row[self.place] = value;
        Ok(())
    }

    fn wrong<E: Error>(self, found: &str) -> E {
        let Column { path, field_type, .. } = self.column;
        self.reading.poison(format!("field `{path}` must be {field_type}, but is {found}"))
    }

    fn integer<E: Error>(self, number: i64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "a float field holds what a float can hold")]
        match (self.column.field_type, self.column.format) {
            (FieldType::Int64, _) => self.set(Value::Integer(number)),
            (FieldType::Int32, _) if i32::try_from(number).is_ok() => self.set(Value::Integer(number)),
            (FieldType::Int32, _) => Err(self.wrong("an integer beyond 32 bits")),
            (FieldType::Float64, _) => self.set(Value::Float(number as f64)),
            (FieldType::Timestamp, TimestampFormat::EpochSeconds) => {
                self.epoch(number.checked_mul(1_000_000))
            }
            (FieldType::Timestamp, TimestampFormat::EpochMillis) => self.epoch(number.checked_mul(1_000)),
            _ => Err(self.wrong("a number")),
        }
    }

    /// Years 1 to 9999: what all readers of the table can show.
    fn epoch<E: Error>(self, micros: Option<i64>) -> Result<(), E> {
        match micros.filter(|micros| (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(micros)) {
            Some(micros) => self.set(Value::Timestamp(micros)),
            None => Err(self.wrong("a time outside the years 1 to 9999")),
        }
    }

    fn text<E: Error>(self, text: Cow<'a, str>) -> Result<(), E> {
        match (self.column.field_type, self.column.format) {
            (FieldType::String, _) => self.set(Value::Text(text)),
            (FieldType::Timestamp, TimestampFormat::Iso) => match parse_timestamp(&text) {
                Some(micros) => self.epoch(Some(micros)),
                None => Err(self.wrong("not one (`YYYY-MM-DD HH:MM:SS`, up to 6 digits of fraction)")),
            },
            (FieldType::Date, _) => match parse_date(&text) {
                Some(days) => self.set(Value::Date(days)),
                None => Err(self.wrong("not one (`YYYY-MM-DD`)")),
            },
            _ => Err(self.wrong("a string")),
        }
    }

    /// A value whose exact text matters: a decimal, or JSON kept as it is.
    fn raw<E: Error>(self, raw: &LazyValue<'a>) -> Result<(), E> {
        let FieldType::Decimal { precision, scale } = self.column.field_type else {
            return if raw.is_null() && self.column.nullable {
                self.set(Value::Null)
            } else {
                self.set(Value::Text(raw.as_raw_cow()))
            };
        };
        if raw.is_null() {
            return self.null();
        }
        let text = raw.as_raw_cow();
        match parse_decimal(raw.as_str().unwrap_or(&text), precision, scale) {
            Some(unscaled) => self.set(Value::Decimal(unscaled)),
            None => Err(self.wrong("something that it cannot hold exactly")),
        }
    }

    fn null<E: Error>(self) -> Result<(), E> {
        if self.column.nullable { self.set(Value::Null) } else { Err(self.wrong("null")) }
    }
}

impl<'a> DeserializeSeed<'a> for FieldSeed<'_, '_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.column.field_type {
            FieldType::Decimal { .. } | FieldType::Json => self.raw(&LazyValue::deserialize(deserializer)?),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'a> Visitor<'a> for FieldSeed<'_, '_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.column.field_type)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.column.field_type {
            FieldType::Boolean => self.set(Value::Boolean(value)),
            _ => Err(self.wrong("a boolean")),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.integer(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "a float field holds what a float can hold")]
        match i64::try_from(number) {
            Ok(number) => self.integer(number),
            Err(_) if self.column.field_type == FieldType::Float64 => self.set(Value::Float(number as f64)),
            Err(_) => Err(self.wrong("an integer beyond 64 bits")),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match (self.column.field_type, self.column.format) {
            (FieldType::Float64, _) if number.is_finite() => self.set(Value::Float(number)),
            (FieldType::Timestamp, TimestampFormat::EpochSeconds) => {
                // Beyond the range the cast saturates, and `epoch` refuses it.
                #[expect(clippy::cast_possible_truncation, reason = "rounded, and checked by `epoch`")]
                let micros = (number * 1e6).round() as i64;
                self.epoch(Some(micros))
            }
            (FieldType::Int32 | FieldType::Int64, _) if number.abs() >= 9_223_372_036_854_775_808.0 => {
                Err(self.wrong("a number beyond 64 bits"))
            }
            (FieldType::Int32 | FieldType::Int64, _) => {
                Err(self.wrong("a number with a fraction or an exponent"))
            }
            _ => Err(self.wrong("a number")),
        }
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.text(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.null()
    }

    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<(), A::Error> {
        Err(self.wrong("a list"))
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        if self.column.field_type != FieldType::Struct {
            return Err(self.wrong("an object"));
        }
        self.reading.row[self.place] = Value::Present;
        ObjectSeed { reading: self.reading, children: &self.column.children, path: Some(self.place) }
            .read(map)
    }
}
