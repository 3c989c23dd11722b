//! Checkpoints: V1 in one or several Parquet files, V2 in Parquet or JSON with sidecars.

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::{
        reader::{FileReader, SerializedFileReader},
        serialized_reader::ReadOptionsBuilder,
    },
    record::reader::RowIter,
    schema::types::Type,
};
use serde::de::DeserializeOwned;

use super::actions::parse;

/// What an appending writer reads of a checkpoint.
pub(crate) const STATE: [&str; 3] = ["protocol", "metaData", "txn"];
/// What a reader of the files does.
pub(crate) const FILES: [&str; 5] = ["protocol", "metaData", "txn", "add", "sidecar"];

/// One file of a checkpoint.
pub(crate) struct Checkpoint<'a> {
    pub(crate) path: &'a str,
    pub(crate) body: Bytes,
}

impl Checkpoint<'_> {
    /// Its actions of the given kinds.
    pub(crate) fn lines<L: DeserializeOwned>(&self, kinds: &[&str]) -> Result<Vec<L>, String> {
        if self.path.to_ascii_lowercase().ends_with(".json") {
            return parse(&self.body).map_err(|e| e.to_string());
        }
        self.rows(kinds)
            .map_err(|e| e.to_string())?
            .map(|row| {
                let row = row.map_err(|e| e.to_string())?;
                serde_json::from_value(row.to_json_value()).map_err(|e| e.to_string())
            })
            .collect()
    }

    fn rows(&self, kinds: &[&str]) -> Result<RowIter<'static>, ParquetError> {
        let options = ReadOptionsBuilder::new().build();
        let reader = SerializedFileReader::new_with_options(self.body.clone(), options)?;
        let root = reader.metadata().file_metadata().schema();
        let wanted = root.get_fields().iter().filter(|field| kinds.contains(&field.name())).map(narrow);
        let wanted =
            Type::group_type_builder(root.name()).with_fields(wanted.collect::<Result<_, _>>()?).build()?;
        RowIter::from_file_into(Box::new(reader)).project(Some(wanted))
    }
}

/// The columns of an action that this crate reads: a checkpoint may hold wide parsed statistics besides.
fn narrow(action: &parquet::schema::types::TypePtr) -> Result<parquet::schema::types::TypePtr, ParquetError> {
    const UNUSED: [&str; 3] = ["stats_parsed", "partitionValues_parsed", "tags"];
    if !action.is_group() {
        return Ok(action.clone());
    }
    let fields =
        action.get_fields().iter().filter(|field| !UNUSED.contains(&field.name())).cloned().collect();
    let info = action.get_basic_info();
    let narrowed = Type::group_type_builder(action.name())
        .with_repetition(info.repetition())
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(info.has_id().then(|| info.id()))
        .with_fields(fields)
        .build()?;
    Ok(narrowed.into())
}
