//! A topic's part of a batch, decoded once: each record's key and amount, or why it has none.

use std::collections::HashMap;
use std::fmt::Write;

use kafka_batch::PartitionRecords;
use pipeline::{FieldType, Pipeline, Poison, RecordDecoder, TotalsSection, Value};
use warehouse::values;

/// How a topic's records are read and summed.
#[derive(Debug, Clone)]
pub struct TopicSums {
    decoder: RecordDecoder,
    keys: Vec<usize>,
    sum: usize,
}

/// What became of a record when it was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// An amount to add to the total of a key, by its place in [`Counted::keys`].
    Amount {
        /// The key's place.
        key: u32,
        /// What to add; a decimal is scaled to an integer.
        amount: i128,
    },
    /// It can never be counted, for this reason.
    Poison(Poison),
}

/// A topic's part of a batch.
#[derive(Debug, Default)]
pub struct Counted {
    /// For each partition, in the order given, what became of each of its records.
    pub results: Vec<Vec<RecordResult>>,
    /// The keys that occur, as Postgres reads them, one text for each key column.
    pub keys: Vec<Vec<String>>,
    /// Fields of good records that the pipeline file does not name.
    pub extra_fields: u64,
}

impl TopicSums {
    /// The sums of a pipeline whose `totals` section is `spec`; `None` where it names no such field, which the
    /// pipeline file's own checks rule out.
    #[must_use]
    pub fn new(pipeline: &Pipeline, spec: &TotalsSection) -> Option<Self> {
        let decoder = RecordDecoder::new(&pipeline.fields);
        let place = |path: &String| decoder.layout().column_index(path);
        let keys = spec.key.iter().map(place).collect::<Option<_>>()?;
        let sum = place(&spec.sum)?;
        Some(Self { decoder, keys, sum })
    }

    /// Decodes the records of `partitions`, all of this topic.
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
            // Not among the types that a key may have.
            Value::Absent | Value::Null | Value::Present | Value::Float(_) => String::new(),
        }
    }

    fn scale(&self, place: usize) -> u8 {
        match self.decoder.layout().columns[place].field_type {
            FieldType::Decimal { scale, .. } => scale,
            _ => 0,
        }
    }

    /// An amount as Postgres reads it.
    #[must_use]
    pub fn amount_text(&self, amount: i128) -> String {
        values::decimal_text(amount, self.scale(self.sum))
    }
}

/// The keys of a batch, numbered as they occur.
struct Keys<'s> {
    sums: &'s TopicSums,
    numbers: HashMap<String, u32, foldhash::fast::RandomState>,
    list: Vec<Vec<String>>,
    name: String,
}

impl Keys<'_> {
    fn number(&mut self, row: &[Value<'_>]) -> u32 {
        // A key of one text, which most are, is its own name.
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
        // A batch has no more records than 32 bits count.
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(self.sums.keys.iter().map(|&place| self.sums.text(place, row)).collect());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// One text for a whole key; lengths keep `("a", "bc")` and `("ab", "c")` apart.
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

fn amount(value: &Value<'_>) -> i128 {
    match value {
        Value::Integer(number) => i128::from(*number),
        Value::Decimal(unscaled) => *unscaled,
        // Not among the types that a sum may have.
        _ => 0,
    }
}
