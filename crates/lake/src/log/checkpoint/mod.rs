//! Checkpoints: V1 in one or several Parquet files, V2 in Parquet or JSON with sidecars.
//!
//! Parquet is read column by column, without an object for each row and without Arrow: a function that only looks at a
//! table stays small this way.

mod leaf;
mod rows;
mod source;

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::{metadata::RowGroupMetaData, reader::FileReader, serialized_reader::SerializedFileReader},
};

use super::actions::{self, FileActions, StateLine};
use rows::Rows;
pub(crate) use source::Source;

/// The leaf that every row with this action has a value in. A row group where it is null throughout has no such action.
const KEYS: [(&str, &str); 3] = [("protocol", "minReaderVersion"), ("metaData", "id"), ("txn", "appId")];
/// Columns that are read of these actions. Not `txn.lastUpdated`: writers leave it out or null.
const STATE: [&str; 3] = ["protocol", "metaData", "txn"];

/// What a reader of the files wants of each `add`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Path, size, statistics and deletion vector.
    Size,
    /// Partition values and times too.
    Whole,
}

/// The name says that the file is JSON.
pub(crate) fn is_json(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".json")
}

/// The lines of a JSON checkpoint that a writer reads.
pub(crate) fn state_of_json(body: &[u8]) -> Result<Vec<StateLine>, String> {
    actions::parse(body).map_err(|e| e.to_string())
}

/// Protocol, metadata and app transactions of one Parquet file of a checkpoint.
pub(crate) fn state(source: Source) -> Result<Vec<StateLine>, String> {
    read_state(source).map_err(|e| e.to_string())
}

/// Hands the actions of one file of a checkpoint to `take`, some thousands at a time.
pub(crate) fn files(
    path: &str,
    body: Bytes,
    detail: Detail,
    mut take: impl FnMut(FileActions),
) -> Result<(), String> {
    if is_json(path) {
        take(FileActions::parse(&body).map_err(|e| e.to_string())?);
        return Ok(());
    }
    read_files(Source::whole(body), detail, take).map_err(|e| e.to_string())
}

fn read_state(source: Source) -> Result<Vec<StateLine>, ParquetError> {
    let reader = SerializedFileReader::new(source)?;
    let mut lines = Vec::new();
    for place in 0..reader.num_row_groups() {
        let group = reader.get_row_group(place)?;
        let rows = Rows::new(group.as_ref());
        rows.state(&mut |line| lines.push(line))?;
    }
    Ok(lines)
}

fn read_files(source: Source, detail: Detail, mut take: impl FnMut(FileActions)) -> Result<(), ParquetError> {
    let reader = SerializedFileReader::new(source)?;
    for place in 0..reader.num_row_groups() {
        let group = reader.get_row_group(place)?;
        let rows = Rows::new(group.as_ref());
        let mut found = FileActions::default();
        rows.state(&mut |line| found.push_state(line))?;
        rows.sidecars(&mut found.sidecars)?;
        take(found);
        rows.adds(detail, &mut |adds| take(FileActions { adds, ..FileActions::default() }))?;
    }
    Ok(())
}

/// The byte ranges of the columns that a writer reads, without those that are null throughout.
fn state_ranges(groups: &[RowGroupMetaData]) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    for group in groups {
        let present = |action: &str| {
            let key = KEYS.iter().find(|(name, _)| *name == action).map(|(_, key)| *key);
            key.is_some_and(|key| rows::has_values(group, &[action, key]))
        };
        for column in group.columns() {
            let parts = column.column_descr().path().parts();
            let wanted =
                parts.first().is_some_and(|action| STATE.contains(&action.as_str()) && present(action));
            if wanted && column.data_page_offset() >= 0 && column.compressed_size() >= 0 {
                ranges.push(column.byte_range());
            }
        }
    }
    ranges.sort_unstable();
    ranges
}

#[cfg(test)]
mod tests;
