//! Counts the forms of the values of each field in a sample. The values themselves are not kept, so that none can get
//! into the pipeline file.

use std::collections::HashMap;
use std::fmt;

use pipeline::{Field, FieldType, RecordDecoder, parse_date, parse_timestamp};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The largest number up to which a double holds every integer exactly: 2^53.
const DOUBLE_HOLDS: u64 = 1 << 53;

/// The years 2000 to 2100 in seconds since 1970. Numbers in this range may be times.
const PLAUSIBLE_SECONDS: std::ops::RangeInclusive<f64> = 946_684_800.0..=4_102_444_800.0;

/// The years 1 to 9999 in microseconds since 1970. Tables can hold no others.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// The objects at one path: the records themselves, or the values of one field.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// The number of objects.
    pub(crate) count: u64,
    /// Their fields, in the order of their first occurrence.
    pub(crate) fields: Vec<(String, Seen)>,
    /// The index in `fields` by key.
    places: HashMap<String, usize>,
}

/// The values of one field, counted by their JSON type.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The number of objects that have the field, including those with the value `null`.
    pub(crate) present: u64,
    pub(crate) nulls: u64,
    pub(crate) booleans: u64,
    pub(crate) lists: u64,
    pub(crate) strings: Strings,
    pub(crate) numbers: Numbers,
    /// The values that are objects, with their own fields.
    pub(crate) objects: Objects,
    /// The number of values that a `jsonb` column of Postgres cannot hold.
    pub(crate) unholdable: u64,
    /// The number of objects that have the field more than once.
    pub(crate) repeated: u64,
}

/// The strings, counted by their form.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    pub(crate) count: u64,
    pub(crate) empty: u64,
    pub(crate) dates: u64,
    pub(crate) timestamps: u64,
    /// Timestamps without a time zone.
    pub(crate) zoneless: u64,
    /// Strings that begin like a timestamp, but cannot be parsed as one.
    pub(crate) nearly: u64,
    /// Decimals with a point and without leading zeros.
    pub(crate) decimals: u64,
    /// The lowest and the highest number of digits after the point.
    pub(crate) scales: Option<(usize, usize)>,
    /// The highest number of digits before the point.
    pub(crate) whole: usize,
}

/// The numbers, counted by their notation.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    /// Integers within 64 bits.
    pub(crate) long: u64,
    /// Integers of more than 64 bits and at most 38 digits.
    pub(crate) longer: u64,
    /// Numbers within the range of a double. They may be rounded.
    pub(crate) double: u64,
    /// Integers that a double does not hold exactly.
    pub(crate) beyond_double: u64,
    /// Numbers that are a time in [`PLAUSIBLE_SECONDS`] if the unit is seconds.
    pub(crate) seconds: u64,
    /// The same in milliseconds.
    pub(crate) millis: u64,
    /// The same in microseconds.
    pub(crate) micros: u64,
}

impl Objects {
    /// Counts the fields of an object, given as JSON text. Fails if the text is not a JSON object.
    pub(crate) fn add(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        let Entries(entries) = serde_json::from_slice(object)?;
        self.count += 1;
        let mut met: HashMap<usize, bool> = HashMap::new();
        for (key, value) in entries {
            let place = *self.places.entry(key.clone()).or_insert(self.fields.len());
            if place == self.fields.len() {
                self.fields.push((key, Seen::default()));
            }
            let seen = &mut self.fields[place].1;
            match met.get_mut(&place) {
                None => {
                    met.insert(place, false);
                    seen.present += 1;
                }
                Some(again) => {
                    seen.repeated += u64::from(!*again);
                    *again = true;
                }
            }
            seen.add(value.get())?;
        }
        Ok(())
    }
}

impl Seen {
    /// Counts a value, given as JSON text. Its first byte tells the type.
    fn add(&mut self, text: &str) -> Result<(), serde_json::Error> {
        self.unholdable += u64::from(!is_holdable(text));
        match text.as_bytes().first() {
            Some(b'n') => self.nulls += 1,
            Some(b't' | b'f') => self.booleans += 1,
            Some(b'[') => self.lists += 1,
            Some(b'{') => self.objects.add(text.as_bytes())?,
            Some(b'"') => self.strings.add(&serde_json::from_str::<String>(text)?),
            _ => self.numbers.add(text),
        }
        Ok(())
    }
}

impl Strings {
    /// Counts a string, given without quotes and escapes.
    fn add(&mut self, text: &str) {
        self.count += 1;
        self.empty += u64::from(text.is_empty());
        self.dates += u64::from(parse_date(text).is_some());
        if parse_timestamp(text).is_some_and(|micros| YEARS.contains(&micros)) {
            self.timestamps += 1;
            self.zoneless += u64::from(!text[10..].contains(['Z', '+', '-']));
        } else if text.get(..19).is_some_and(|start| parse_timestamp(start).is_some()) {
            self.nearly += 1;
        }
        if let Some((whole, scale)) = decimal(text) {
            self.decimals += 1;
            self.whole = self.whole.max(whole);
            let (fewest, most) = self.scales.unwrap_or((scale, scale));
            self.scales = Some((fewest.min(scale), most.max(scale)));
        }
    }
}

/// The number of digits before and after the point of a plain decimal. `None` for other texts, and for leading zeros,
/// because such a text is probably a code.
fn decimal(text: &str) -> Option<(usize, usize)> {
    let (whole, fraction) = text.strip_prefix('-').unwrap_or(text).split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    plain.then_some((whole.len(), fraction.len()))
}

impl Numbers {
    /// Counts a number, given as JSON text. The notation decides: `1.0` is not an integer.
    fn add(&mut self, text: &str) {
        self.count += 1;
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            if let Ok(number) = text.parse::<i64>() {
                self.long += 1;
                self.beyond_double += u64::from(number.unsigned_abs() > DOUBLE_HOLDS);
            } else {
                self.longer += u64::from(digits.len() <= 38);
                self.beyond_double += 1;
            }
        }
        let Some(double) = text.parse::<f64>().ok().filter(|double| double.is_finite()) else { return };
        self.double += 1;
        self.seconds += u64::from(PLAUSIBLE_SECONDS.contains(&double));
        self.millis += u64::from(PLAUSIBLE_SECONDS.contains(&(double / 1e3)));
        self.micros += u64::from(PLAUSIBLE_SECONDS.contains(&(double / 1e6)));
    }
}

/// Whether a field of type `json` can hold the value: the decoder of the lanes accepts it.
fn is_holdable(value: &str) -> bool {
    // This is cheap and true for nearly all values: jsonb refuses only `\u0000`, and numbers with very many digits or
    // with a large exponent.
    if value.len() < 10_000 && !value.contains(['e', 'E']) && !value.contains("\\u0000") {
        return true;
    }
    let decoder = RecordDecoder::new(&[Field::new("v", FieldType::Json, true)]);
    let record = format!("{{\"v\":{value}}}");
    decoder.decode(record.as_bytes(), &mut Vec::new()).is_ok()
}

/// The keys and values of an object in their order. A key that occurs twice is kept twice, unlike in a map.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}
