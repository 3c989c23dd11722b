//! The decoded records of a topic in a batch: the key and amount of each record, or the reason why it has none.

use std::collections::HashMap;
use std::fmt::Write;

use kafka_batch::PartitionRecords;
use pipeline::{FieldType, Pipeline, Poison, RecordDecoder, TotalsSection, Value};
use warehouse::values;

/// How the records of a topic are decoded and summed.
#[derive(Debug, Clone)]
pub struct TopicSums {
    decoder: RecordDecoder,
    /// The column indexes of the key, in the order of the table's key columns.
    keys: Vec<usize>,
    /// The column index of the summed field.
    sum: usize,
}

/// The decode result of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// The record adds an amount to the total of a key.
    Amount {
        /// The index of the key in [`Counted::keys`].
        key: u32,
        /// The amount to add. A decimal is multiplied by 10^scale.
        amount: i128,
    },
    /// The record can never be counted, for this reason.
    Poison(Poison),
}

/// The decoded records of a topic in a batch.
#[derive(Debug, Default)]
pub struct Counted {
    /// One list per partition, in the given order, with the decode result of each record.
    pub results: Vec<Vec<RecordResult>>,
    /// The keys in the batch. Each key has one text per key column, in the form that Postgres reads.
    pub keys: Vec<Vec<String>>,
    /// The number of fields in decoded records that the pipeline file does not name.
    pub extra_fields: u64,
}

impl TopicSums {
    /// Reads the sums of a pipeline. `spec` is its `totals` section. Returns `None` if a field in it does not exist,
    /// which cannot happen for a checked pipeline file.
    #[must_use]
    pub fn new(pipeline: &Pipeline, spec: &TotalsSection) -> Option<Self> {
        let decoder = RecordDecoder::new(&pipeline.fields);
        let place = |path: &String| decoder.layout().column_index(path);
        let keys = spec.key.iter().map(place).collect::<Option<_>>()?;
        let sum = place(&spec.sum)?;
        Some(Self { decoder, keys, sum })
    }

    /// Decodes the records of `partitions`, which are all of this topic. A key with a NUL counts as poison
    /// here, because no text column of Postgres can hold it.
    #[must_use]
    pub fn count(&self, partitions: &[PartitionRecords<'_>]) -> Counted {
        let mut counted = Counted::default();
        let mut keys =
            Keys { sums: self, numbers: HashMap::default(), list: Vec::new(), name: String::new() };
        let mut row = Vec::new();
        for partition in partitions {
            let mut results = Vec::with_capacity(partition.len());
            for record in partition.iter() {
                let bytes = record.payload().map_err(|reason| Poison(reason.to_owned()));
                results.push(match bytes.and_then(|bytes| self.decoder.decode(bytes, &mut row)) {
                    Ok(_) if self.keys.iter().any(|&place| values::has_nul(&row[place])) => {
                        RecordResult::Poison(Poison(values::NUL.to_owned()))
                    }
                    Ok(extra) => {
                        counted.extra_fields += u64::from(extra);
                        RecordResult::Amount { key: keys.number(&row), amount: amount(&row[self.sum]) }
                    }
                    Err(poison) => RecordResult::Poison(poison),
                });
            }
            counted.results.push(results);
        }
        counted.keys = keys.list;
        counted
    }

    /// The value of a key column as text, in the form that Postgres reads.
    fn text(&self, place: usize, row: &[Value<'_>]) -> String {
        match &row[place] {
            Value::Text(text) => text.clone().into_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(truth) => truth.to_string(),
            Value::Decimal(unscaled) => values::decimal_text(*unscaled, self.scale(place)),
            date @ Value::Date(_) => values::date(date).map(|date| date.to_string()).unwrap_or_default(),
            time @ Value::Timestamp(_) => values::time(time)
                .map(|instant| instant.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string())
                .unwrap_or_default(),
            // A key cannot have these types.
            Value::Absent | Value::Null | Value::Present | Value::Float(_) => String::new(),
        }
    }

    /// The number of digits after the point of a decimal column; 0 for other types.
    fn scale(&self, place: usize) -> u8 {
        match self.decoder.layout().columns[place].field_type {
            FieldType::Decimal { scale, .. } => scale,
            _ => 0,
        }
    }

    /// An amount as text, in the form that Postgres reads.
    #[must_use]
    pub fn amount_text(&self, amount: i128) -> String {
        values::decimal_text(amount, self.scale(self.sum))
    }
}

/// Numbers the keys of a batch in the order in which they occur.
struct Keys<'s> {
    sums: &'s TopicSums,
    /// The number of each key, by its name.
    numbers: HashMap<String, u32, foldhash::fast::RandomState>,
    /// The keys in the order of their numbers, as texts.
    list: Vec<Vec<String>>,
    /// A buffer for the name of a key, used again for each record.
    name: String,
}

impl Keys<'_> {
    /// Returns the number of the row's key, and adds the key if it is new.
    fn number(&mut self, row: &[Value<'_>]) -> u32 {
        // Most keys are a single text, which can be looked up directly.
        let places = self.sums.keys.as_slice();
        let name = match places {
            &[place] if let Value::Text(text) = &row[place] => text.as_ref(),
            _ => {
                name_key(places, row, &mut self.name);
                self.name.as_str()
            }
        };
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        // A batch has far fewer records than 2^32.
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(self.sums.keys.iter().map(|&place| self.sums.text(place, row)).collect());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// Writes a text that identifies a key of several columns. The lengths in it keep `("a", "bc")` and `("ab", "c")`
/// apart.
fn name_key(places: &[usize], row: &[Value<'_>], name: &mut String) {
    name.clear();
    for &place in places {
        // Writing to a String cannot fail.
        let _ = match &row[place] {
            Value::Text(text) => write!(name, "{}:{text}", text.len()),
            other => write!(name, "{other:?};"),
        };
    }
}

/// The amount of a record. A decimal is multiplied by 10^scale.
fn amount(value: &Value<'_>) -> i128 {
    match value {
        Value::Integer(number) => i128::from(*number),
        Value::Decimal(unscaled) => *unscaled,
        // A sum cannot have another type.
        _ => 0,
    }
}
