//! Reads the actions in one row group of a checkpoint.

use std::collections::BTreeMap;

use parquet::{
    errors::ParquetError,
    file::{metadata::RowGroupMetaData, reader::RowGroupReader, statistics::Statistics},
};
use serde_json::Map;

use super::{
    Detail,
    leaf::{Leaf, List},
};
use crate::log::actions::{Add, DeletionVector, Format, Metadata, Protocol, Sidecar, StateLine, Txn};

/// The number of rows that are decoded at a time.
const CHUNK: usize = 4096;

/// The rows of one row group.
pub(super) struct Rows<'a> {
    /// The row group of the Parquet file.
    group: &'a dyn RowGroupReader,
}

/// Whether the column exists and has a value that is not null. A column without statistics counts as having one.
pub(super) fn has_values(group: &RowGroupMetaData, path: &[&str]) -> bool {
    let column = group.columns().iter().find(|column| column.column_descr().path().parts() == path);
    column.is_some_and(|column| {
        let nulls = column.statistics().and_then(Statistics::null_count_opt);
        nulls.is_none_or(|nulls| i64::try_from(nulls).is_ok_and(|nulls| nulls < column.num_values()))
    })
}

impl<'a> Rows<'a> {
    pub(super) fn new(group: &'a dyn RowGroupReader) -> Self {
        Self { group }
    }

    /// Passes protocol, metadata and app transactions to `take`.
    pub(super) fn state(&self, take: &mut dyn FnMut(StateLine)) -> Result<(), ParquetError> {
        self.protocols(take)?;
        self.metadata(take)?;
        self.txns(take)
    }

    /// Passes the data files to `take`, one chunk of rows at a time.
    pub(super) fn adds(&self, detail: Detail, take: &mut dyn FnMut(Vec<Add>)) -> Result<(), ParquetError> {
        if !self.has(&["add", "path"]) {
            return Ok(());
        }
        let whole = |path: &[&str]| if detail == Detail::Whole { self.leaf(path) } else { Ok(Leaf::ABSENT) };
        let [mut path, mut size, mut stats] =
            [self.leaf(&["add", "path"])?, self.leaf(&["add", "size"])?, self.leaf(&["add", "stats"])?];
        let mut modified = whole(&["add", "modificationTime"])?;
        let (mut keys, mut values) = match detail {
            Detail::Whole => self.map(&["add", "partitionValues"])?,
            Detail::Size => (Leaf::ABSENT, Leaf::ABSENT),
        };
        let vector = |name| self.leaf(&["add", "deletionVector", name]);
        let (mut storage, mut inline) = (vector("storageType")?, vector("pathOrInlineDv")?);
        let (mut offset, mut bytes) = (vector("offset")?, vector("sizeInBytes")?);
        let mut deleted = vector("cardinality")?;
        self.chunks(|rows| {
            let (keys, values) = (keys.lists(rows)?, values.lists(rows)?);
            let mut partitions = keys.into_iter().zip(values);
            let (sizes, modified) = (size.integers(rows)?, modified.integers(rows)?);
            let mut stats = stats.texts(rows)?.into_iter();
            let (mut storage, mut inline) =
                (storage.texts(rows)?.into_iter(), inline.texts(rows)?.into_iter());
            let (offset, bytes, deleted) =
                (offset.integers(rows)?, bytes.integers(rows)?, deleted.integers(rows)?);
            let mut adds = Vec::new();
            for (row, path) in path.texts(rows)?.into_iter().enumerate() {
                let (stats, partition) = (stats.next().flatten(), partitions.next());
                let vector = storage.next().flatten().zip(inline.next().flatten());
                let Some(path) = path else { continue };
                let partition_values = partition.map(|(keys, values)| map_of(keys, values));
                adds.push(Add {
                    path,
                    partition_values: partition_values.transpose()?.unwrap_or_default(),
                    size: sizes[row].unwrap_or(0),
                    modification_time: modified[row].unwrap_or(0),
                    data_change: false,
                    stats,
                    deletion_vector: vector.map(|(storage_type, path_or_inline_dv)| DeletionVector {
                        storage_type,
                        path_or_inline_dv,
                        offset: offset[row],
                        size_in_bytes: bytes[row].unwrap_or(0),
                        cardinality: deleted[row].unwrap_or(0),
                    }),
                });
            }
            if !adds.is_empty() {
                take(adds);
            }
            Ok(())
        })
    }

    /// Appends the sidecars of a V2 checkpoint to `found`.
    pub(super) fn sidecars(&self, found: &mut Vec<Sidecar>) -> Result<(), ParquetError> {
        if !self.has(&["sidecar", "path"]) {
            return Ok(());
        }
        let mut path = self.leaf(&["sidecar", "path"])?;
        self.chunks(|rows| {
            found.extend(path.texts(rows)?.into_iter().flatten().map(|path| Sidecar { path }));
            Ok(())
        })
    }

    /// Passes the app transactions to `take`.
    fn txns(&self, take: &mut dyn FnMut(StateLine)) -> Result<(), ParquetError> {
        if !self.has(&["txn", "appId"]) {
            return Ok(());
        }
        let (mut app_id, mut version) = (self.leaf(&["txn", "appId"])?, self.leaf(&["txn", "version"])?);
        self.chunks(|rows| {
            let app_ids = app_id.texts(rows)?.into_iter();
            for (app_id, version) in app_ids.zip(version.integers(rows)?) {
                let Some(app_id) = app_id else { continue };
                let version = required(version, "txn.version")?;
                let txn = Some(Txn { app_id, version, last_updated: None });
                take(StateLine { txn, ..StateLine::default() });
            }
            Ok(())
        })
    }

    /// Passes the protocol action to `take`, if the row group has it.
    fn protocols(&self, take: &mut dyn FnMut(StateLine)) -> Result<(), ParquetError> {
        if !self.has(&["protocol", "minReaderVersion"]) {
            return Ok(());
        }
        let mut reader = self.leaf(&["protocol", "minReaderVersion"])?;
        let mut writer = self.leaf(&["protocol", "minWriterVersion"])?;
        let mut reader_features = self.list(&["protocol", "readerFeatures"])?;
        let mut writer_features = self.list(&["protocol", "writerFeatures"])?;
        self.chunks(|rows| {
            let mut features = reader_features.lists(rows)?.into_iter().zip(writer_features.lists(rows)?);
            for (reader, writer) in reader.integers(rows)?.into_iter().zip(writer.integers(rows)?) {
                let (reader_features, writer_features) = features.next().unwrap_or_default();
                let Some(reader) = reader else { continue };
                let number = |version: i64| i32::try_from(version).unwrap_or(i32::MAX);
                let named = |list: List| list.map(|names| names.into_iter().flatten().collect());
                let protocol = Some(Protocol {
                    min_reader_version: number(reader),
                    min_writer_version: number(required(writer, "protocol.minWriterVersion")?),
                    reader_features: named(reader_features),
                    writer_features: named(writer_features),
                });
                take(StateLine { protocol, ..StateLine::default() });
            }
            Ok(())
        })
    }

    /// Passes the metadata action to `take`, if the row group has it.
    fn metadata(&self, take: &mut dyn FnMut(StateLine)) -> Result<(), ParquetError> {
        if !self.has(&["metaData", "id"]) {
            return Ok(());
        }
        let text = |name| self.leaf(&["metaData", name]);
        let mut texts = [text("id")?, text("name")?, text("description")?, text("schemaString")?];
        let (mut provider, mut created) =
            (self.leaf(&["metaData", "format", "provider"])?, text("createdTime")?);
        let mut columns = self.list(&["metaData", "partitionColumns"])?;
        let (mut option_keys, mut option_values) = self.map(&["metaData", "format", "options"])?;
        let (mut keys, mut values) = self.map(&["metaData", "configuration"])?;
        self.chunks(|rows| {
            let [ids, names, descriptions, schemas] = &mut texts;
            let (ids, mut names) = (ids.texts(rows)?, names.texts(rows)?);
            let (mut descriptions, mut schemas) = (descriptions.texts(rows)?, schemas.texts(rows)?);
            let (mut providers, created) = (provider.texts(rows)?, created.integers(rows)?);
            let mut columns = columns.lists(rows)?;
            let (mut option_keys, mut option_values) = (option_keys.lists(rows)?, option_values.lists(rows)?);
            let (mut keys, mut values) = (keys.lists(rows)?, values.lists(rows)?);
            for (row, id) in ids.into_iter().enumerate() {
                let Some(id) = id else { continue };
                let options = map_of(option_keys[row].take(), option_values[row].take())?;
                let meta_data = Some(Metadata {
                    id,
                    name: names[row].take(),
                    description: descriptions[row].take(),
                    format: Format {
                        provider: providers[row].take().unwrap_or_else(|| "parquet".to_owned()),
                        options,
                    },
                    schema_string: required(schemas[row].take(), "metaData.schemaString")?,
                    partition_columns: columns[row].take().into_iter().flatten().flatten().collect(),
                    configuration: map_of(keys[row].take(), values[row].take())?,
                    created_time: created[row],
                    other: Map::new(),
                });
                take(StateLine { meta_data, ..StateLine::default() });
            }
            Ok(())
        })
    }

    /// Whether the leaf column has values in this row group.
    fn has(&self, path: &[&str]) -> bool {
        has_values(self.group.metadata(), path)
    }

    /// The leaf column with this path, or one that reads as nulls.
    fn leaf(&self, path: &[&str]) -> Result<Leaf, ParquetError> {
        self.find(|parts| parts == path)
    }

    /// The leaf column of a list. Only the start of its path is compared, because writers name the levels of a list
    /// differently.
    fn list(&self, path: &[&str]) -> Result<Leaf, ParquetError> {
        self.find(|parts| parts.len() > path.len() && parts[..path.len()] == *path)
    }

    /// The leaf columns with the keys and the values of a map.
    fn map(&self, path: &[&str]) -> Result<(Leaf, Leaf), ParquetError> {
        let named = |name: &str| {
            self.find(|parts| {
                parts.len() > path.len() && parts[..path.len()] == *path && parts.last() == Some(&name)
            })
        };
        Ok((named("key")?, named("value")?))
    }

    /// The first leaf column for whose path `wanted` returns `true`. An absent column reads as nulls.
    fn find(&self, wanted: impl Fn(&[&str]) -> bool) -> Result<Leaf, ParquetError> {
        let columns = self.group.metadata().columns();
        let place = columns.iter().position(|column| {
            let parts = column.column_descr().path().parts();
            wanted(&parts.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let Some(place) = place else { return Ok(Leaf::ABSENT) };
        Leaf::new(self.group.get_column_reader(place)?, columns[place].column_descr_ptr())
    }

    /// Calls `each` with the number of rows of each chunk, until all rows of the group are covered.
    fn chunks(&self, mut each: impl FnMut(usize) -> Result<(), ParquetError>) -> Result<(), ParquetError> {
        let mut left = usize::try_from(self.group.metadata().num_rows()).unwrap_or(0);
        while left > 0 {
            let rows = left.min(CHUNK);
            each(rows)?;
            left -= rows;
        }
        Ok(())
    }
}

/// The value of a field that the Delta protocol requires.
///
/// `path` names the field in the error.
fn required<T>(value: Option<T>, path: &str) -> Result<T, ParquetError> {
    value.ok_or_else(|| ParquetError::General(format!("{path} is null")))
}

/// Builds a map from a list of keys and a list of values. Entries with a null key are dropped.
fn map_of(keys: List, values: List) -> Result<BTreeMap<String, Option<String>>, ParquetError> {
    let (keys, values) = (keys.unwrap_or_default(), values.unwrap_or_default());
    if keys.len() != values.len() {
        return Err(ParquetError::General("a map has a different number of keys and values".to_owned()));
    }
    Ok(keys.into_iter().zip(values).filter_map(|(key, value)| Some((key?, value))).collect())
}
