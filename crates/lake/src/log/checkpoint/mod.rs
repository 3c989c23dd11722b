//! Reads checkpoints: V1 in one or several Parquet files, V2 in Parquet or JSON with sidecars.
//!
//! Parquet is read column by column, without Arrow and without an object per row. That keeps functions small that only
//! read a table.

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

/// For each action, a leaf that is never null in a row with the action. If it is null in a whole row group, the group
/// has no such action.
const KEYS: [(&str, &str); 3] = [("protocol", "minReaderVersion"), ("metaData", "id"), ("txn", "appId")];
/// The actions whose columns are read for the state. `txn.lastUpdated` is not read, because some writers leave it out.
const STATE: [&str; 3] = ["protocol", "metaData", "txn"];

/// How much of each `add` action is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Path, size, statistics and deletion vector.
    Size,
    /// Partition values and modification time as well.
    Whole,
}

/// Whether the file is JSON, by its name.
pub(crate) fn is_json(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".json")
}

/// Parses the state lines of a JSON checkpoint.
pub(crate) fn state_of_json(body: &[u8]) -> Result<Vec<StateLine>, String> {
    actions::parse(body).map_err(|e| e.to_string())
}

/// Reads protocol, metadata and app transactions from a Parquet file of a checkpoint.
///
/// The error is the text of the Parquet library.
pub(crate) fn state(source: Source) -> Result<Vec<StateLine>, String> {
    read_state(source).map_err(|e| e.to_string())
}

/// Passes the actions of one checkpoint file to `take`, a few thousand at a time.
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

/// The state lines of all row groups, in the order of the file.
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

/// Passes the state and sidecars of each row group to `take`, and then its data files.
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

/// The byte ranges of the columns that a writer needs. Columns that are null in a whole row group are left out.
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
