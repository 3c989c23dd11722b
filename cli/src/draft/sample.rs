//! The records of a sample, and which of them are objects.

use std::collections::BTreeMap;

use object_reader::{gunzip::is_gzip, without_byte_order_mark};
use pipeline::RecordDecoder;
use serde_json::value::RawValue;

use crate::failure::failure;

/// Records as Kafka has them.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) records: Vec<Vec<u8>>,
    /// The notes for the user on how the text was read.
    pub(crate) notes: Vec<String>,
}

/// The records of a sample: JSON objects, and the others.
#[derive(Debug)]
pub(crate) struct Sorted<'a> {
    /// JSON objects.
    pub(crate) objects: Vec<&'a [u8]>,
    /// The number of other records by the reason with which a lane parks them.
    pub(crate) refused: BTreeMap<String, usize>,
}

impl Sample {
    /// Separates objects from the records that every lane parks, whatever fields the file has.
    pub(crate) fn sorted(&self) -> Sorted<'_> {
        let decoder = RecordDecoder::new(&[]);
        let mut sorted = Sorted { objects: Vec::new(), refused: BTreeMap::new() };
        for record in &self.records {
            match decoder.decode(record, &mut Vec::new()) {
                Ok(_) => sorted.objects.push(record),
                Err(poison) => *sorted.refused.entry(without_place(&poison.0)).or_default() += 1,
            }
        }
        sorted
    }
}

/// The reason without the position of the byte.
fn without_place(reason: &str) -> String {
    reason.split(" (byte ").next().unwrap_or(reason).to_owned()
}

/// The records of a file: the elements of one JSON array, or a sequence of JSON values. If the file is neither, each line is a
/// record.
pub(crate) fn from_text(bytes: &[u8]) -> anyhow::Result<Sample> {
    if let Some((what, fix)) = other_format(bytes) {
        return Err(failure(format!("the sample is {what}, not JSON"), fix));
    }
    let mut notes = Vec::new();
    let text = without_byte_order_mark(bytes);
    if text.len() < bytes.len() {
        notes.push(
            "the sample begins with a byte order mark, which was skipped; a record with one would be parked"
                .to_owned(),
        );
    }
    let records = array(text).or_else(|| stream(text)).unwrap_or_else(|| lines(text));
    Ok(Sample { records, notes })
}

fn array(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let values: Vec<&RawValue> = serde_json::from_slice(bytes).ok()?;
    Some(values.into_iter().map(|value| value.get().as_bytes().to_vec()).collect())
}

/// A sequence of JSON values. One value may extend over several lines.
fn stream(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    values.map(|value| Some(value.ok()?.get().as_bytes().to_vec())).collect()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The name of a format that is not JSON, detected by its first bytes, and how to convert it to JSON.
fn other_format(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if begins(b"\xff\xfe") || begins(b"\xfe\xff") {
        return Some((
            "UTF-16",
            "convert it: iconv -f UTF-16 -t UTF-8 FILE | headwater pipeline new TOPIC --from -",
        ));
    }
    if is_gzip(bytes) {
        return Some(("gzip", "unpack it: gunzip -c FILE | headwater pipeline new TOPIC --from -"));
    }
    if begins(b"PAR1") || begins(b"Obj\x01") {
        return Some((
            "a Parquet or Avro file",
            "write some of its rows as JSON lines, for example with DuckDB: COPY (FROM 'FILE' LIMIT 1000) TO 'sample.jsonl' (FORMAT json)",
        ));
    }
    None
}
