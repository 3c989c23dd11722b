//! Reads one leaf column of a row group, a few thousand rows at a time.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    errors::ParquetError,
    schema::types::ColumnDescPtr,
};

/// A leaf column. `None` if the file does not have it; it then reads as nulls.
pub(super) struct Leaf(Option<(Typed, ColumnDescPtr)>);

/// A Parquet reader, by the physical type of its column.
enum Typed {
    Int32(ColumnReaderImpl<Int32Type>),
    Int64(ColumnReaderImpl<Int64Type>),
    Bytes(ColumnReaderImpl<ByteArrayType>),
}

/// A list of texts, or the keys or values of a map. `None` is null.
pub(super) type List = Option<Vec<Option<String>>>;

impl Leaf {
    /// A column that the file does not have.
    pub(super) const ABSENT: Self = Self(None);

    /// Fails if the physical type of the column is neither INT32, INT64 nor `BYTE_ARRAY`.
    pub(super) fn new(reader: ColumnReader, described: ColumnDescPtr) -> Result<Self, ParquetError> {
        let typed = match reader {
            ColumnReader::Int32ColumnReader(reader) => Typed::Int32(reader),
            ColumnReader::Int64ColumnReader(reader) => Typed::Int64(reader),
            ColumnReader::ByteArrayColumnReader(reader) => Typed::Bytes(reader),
            _ => return Err(misfit(&described)),
        };
        Ok(Self(Some((typed, described))))
    }

    /// Reads the next `rows` integers.
    pub(super) fn integers(&mut self, rows: usize) -> Result<Vec<Option<i64>>, ParquetError> {
        match &mut self.0 {
            None => Ok(vec![None; rows]),
            Some((Typed::Int32(reader), described)) => {
                flat(reader, described, rows, |value| Ok(i64::from(value)))
            }
            Some((Typed::Int64(reader), described)) => flat(reader, described, rows, Ok),
            Some((_, described)) => Err(misfit(described)),
        }
    }

    /// Reads the next `rows` texts.
    pub(super) fn texts(&mut self, rows: usize) -> Result<Vec<Option<String>>, ParquetError> {
        match &mut self.0 {
            None => Ok(vec![None; rows]),
            Some((Typed::Bytes(reader), described)) => flat(reader, described, rows, |value| text(&value)),
            Some((_, described)) => Err(misfit(described)),
        }
    }

    /// Reads the next `rows` lists of texts.
    pub(super) fn lists(&mut self, rows: usize) -> Result<Vec<List>, ParquetError> {
        match &mut self.0 {
            None => Ok(vec![None; rows]),
            Some((Typed::Bytes(reader), described)) if described.max_rep_level() == 1 => {
                lists(reader, described, rows)
            }
            Some((_, described)) => Err(misfit(described)),
        }
    }
}

/// The error for a column whose type differs from the Delta protocol.
fn misfit(described: &ColumnDescPtr) -> ParquetError {
    ParquetError::General(format!(
        "column {} is of another type than the protocol's",
        described.path().string()
    ))
}

/// Fails if the bytes are not UTF-8.
fn text(value: &ByteArray) -> Result<String, ParquetError> {
    String::from_utf8(value.data().to_vec()).map_err(|e| ParquetError::General(e.to_string()))
}

/// The definition levels, repetition levels and values of some rows.
struct Chunk<T> {
    /// How many optional levels of each entry are set. The highest level means that there is a value.
    definitions: Vec<i16>,
    /// 0 for the first entry of a row, 1 for each further one.
    repetitions: Vec<i16>,
    /// The values without the nulls.
    values: Vec<T>,
}

/// Reads the next `rows` rows. Fails if the column ends before.
fn chunk<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    described: &ColumnDescPtr,
    rows: usize,
) -> Result<Chunk<T::T>, ParquetError> {
    let mut chunk = Chunk { definitions: Vec::new(), repetitions: Vec::new(), values: Vec::new() };
    let mut read = 0;
    while read < rows {
        let definitions = (described.max_def_level() > 0).then_some(&mut chunk.definitions);
        let repetitions = (described.max_rep_level() > 0).then_some(&mut chunk.repetitions);
        let (more, _, _) = reader.read_records(rows - read, definitions, repetitions, &mut chunk.values)?;
        if more == 0 {
            let path = described.path().string();
            return Err(ParquetError::General(format!("column {path} ends after {read} of {rows} rows")));
        }
        read += more;
    }
    Ok(chunk)
}

/// Reads a column that is not repeated.
fn flat<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    described: &ColumnDescPtr,
    rows: usize,
    of: impl Fn(T::T) -> Result<V, ParquetError>,
) -> Result<Vec<Option<V>>, ParquetError> {
    if described.max_rep_level() > 0 {
        return Err(misfit(described));
    }
    let Chunk { definitions, values, .. } = chunk(reader, described, rows)?;
    let mut values = values.into_iter();
    if described.max_def_level() == 0 {
        return values.map(|value| of(value).map(Some)).collect();
    }
    let present = described.max_def_level();
    definitions
        .into_iter()
        .map(|level| if level == present { values.next().map(&of).transpose() } else { Ok(None) })
        .collect()
}

/// Reads a repeated column: a list, or one side of a map.
fn lists(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    described: &ColumnDescPtr,
    rows: usize,
) -> Result<Vec<List>, ParquetError> {
    let Chunk { definitions, repetitions, values } = chunk(reader, described, rows)?;
    let mut values = values.into_iter();
    let present = described.max_def_level();
    // At `present` the entry has a value. At `entry` it exists but may be null. At `entry - 1` the list is empty.
    let entry = present - i16::from(described.self_type().is_optional());
    let mut found: Vec<List> = Vec::with_capacity(rows);
    for (definition, repetition) in definitions.into_iter().zip(repetitions) {
        if repetition == 0 {
            found.push((definition >= entry - 1).then(Vec::new));
        }
        if definition >= entry
            && let Some(Some(list)) = found.last_mut()
        {
            list.push(if definition == present {
                values.next().as_ref().map(text).transpose()?
            } else {
                None
            });
        }
    }
    Ok(found)
}
