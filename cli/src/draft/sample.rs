//! Reads the records of a sample, and separates JSON objects from other records.

use std::collections::BTreeMap;

use object_reader::{gunzip::is_gzip, without_byte_order_mark};
use pipeline::RecordDecoder;
use serde_json::value::RawValue;

use crate::failure::failure;

/// The values of records, as they are or would be in Kafka.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// One value per record. They may be anything, not only JSON objects.
    pub(crate) records: Vec<Vec<u8>>,
    /// Notes for the user about the reading of the sample.
    pub(crate) notes: Vec<String>,
}

/// The records of a sample: JSON objects, and counts of the others.
#[derive(Debug)]
pub(crate) struct Sorted<'a> {
    /// JSON objects.
    pub(crate) objects: Vec<&'a [u8]>,
    /// The number of other records, by the reason for which a lane would park them.
    pub(crate) refused: BTreeMap<String, usize>,
}

impl Sample {
    /// Separates objects from the records that every lane parks. The fields of the pipeline file make no difference.
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

/// The reason without the position of the byte, so that equal reasons are counted together.
fn without_place(reason: &str) -> String {
    reason.split(" (byte ").next().unwrap_or(reason).to_owned()
}

/// The records of a file: the elements of one JSON array, or a sequence of JSON values. If the file is neither, each
/// line is a record.
///
/// # Errors
/// A failure with a command for the conversion if the file has another format, such as gzip.
pub(crate) fn from_text(bytes: &[u8]) -> anyhow::Result<Sample> {
    if let Some((what, fix)) = other_format(bytes) {
        return Err(failure(format!("the sample is {what}, not JSON"), fix));
    }
    let mut notes = Vec::new();
    let text = without_byte_order_mark(bytes);
    if text.len() < bytes.len() {
        notes.push(
            "the sample begins with a byte order mark, which was skipped; a lane would park a record with one"
                .to_owned(),
        );
    }
    let records = array(text).or_else(|| stream(text)).unwrap_or_else(|| lines(text));
    Ok(Sample { records, notes })
}

/// The elements of one JSON array. `None` if the text is something else.
fn array(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let values: Vec<&RawValue> = serde_json::from_slice(bytes).ok()?;
    Some(values.into_iter().map(|value| value.get().as_bytes().to_vec()).collect())
}

/// A sequence of JSON values. One value may extend over several lines. `None` if one of them is not valid JSON.
fn stream(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    values.map(|value| Some(value.ok()?.get().as_bytes().to_vec())).collect()
}

/// The lines that are not empty, without white space around them.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The name of a format that is not JSON, and how to convert it to JSON. The first bytes tell the format. `None` for
/// other formats.
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
