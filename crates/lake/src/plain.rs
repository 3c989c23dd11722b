//! Reads chosen columns of chosen files as plain values, without Arrow. Functions that only read a table stay small
//! this way: Arrow's Parquet reader makes a function's zip a tenth larger.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{FutureExt, Stream, StreamExt, stream};
use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType, Int96},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};
use tokio::time::Instant;

use crate::{ActiveFile, LakeError, Snapshot, scan::AHEAD, schema::DeltaType};

/// The values of one column of one file. The variant follows the column's type in the table; `None` is null.
#[derive(Debug, Clone, PartialEq)]
pub enum PlainColumn {
    /// Values of a `byte`, `short`, `integer` or `long` column.
    Integers(Vec<Option<i64>>),
    /// Values of a `float` or `double` column.
    Numbers(Vec<Option<f64>>),
    /// Values of a `string` column. Invalid UTF-8 is replaced.
    Texts(Vec<Option<String>>),
    /// Values of a `timestamp` column, from INT96 (Spark's default) or INT64 in any unit. A time that `DateTime` cannot
    /// hold is null.
    Moments(Vec<Option<DateTime<Utc>>>),
}

impl Snapshot {
    /// Streams `columns` of these files, one item per file, in the given order. Requests no other file. A column that
    /// an older file does not have is null. Only top-level columns with the types of [`PlainColumn`] can be read.
    ///
    /// # Errors
    /// An item is [`LakeError::Schema`] if a column has another type in the table or in the file.
    pub fn scan_plain<'a>(
        &'a self,
        files: impl IntoIterator<Item = &'a ActiveFile, IntoIter: 'a>,
        columns: &'a [&'a str],
        deadline: Instant,
    ) -> impl Stream<Item = Result<(&'a ActiveFile, Vec<PlainColumn>), LakeError>> + 'a {
        let one = move |file| {
            let read = async move {
                let body = self.body(file, columns, deadline).await?;
                Ok((file, self.plain(file, columns, body)?))
            };
            read.boxed()
        };
        stream::iter(files).map(one).buffered(AHEAD)
    }

    /// Reads the columns of one file.
    fn plain(&self, file: &ActiveFile, columns: &[&str], body: Bytes) -> Result<Vec<PlainColumn>, LakeError> {
        let damaged = |source| self.unreadable(file, source);
        let reader = SerializedFileReader::new(body).map_err(damaged)?;
        let mut read = Vec::with_capacity(columns.len());
        for name in columns {
            let refused = |reason: &str| LakeError::Schema {
                table: self.store.location().to_string(),
                column: (*name).to_owned(),
                reason: format!("{reason} (in {})", file.key),
            };
            let field = self.schema.fields.iter().find(|field| field.name == *name);
            let column = field.and_then(|field| PlainColumn::of(&field.r#type));
            let mut column = column.ok_or_else(|| refused("a column of its type is not read here"))?;
            let described = reader.metadata().file_metadata().schema_descr().columns();
            let place = described.iter().position(|one| one.path().parts() == [*name]);
            for group in 0..reader.num_row_groups() {
                let group = reader.get_row_group(group).map_err(damaged)?;
                let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
                let taken = match place {
                    None => column.take_nulls(rows),
                    Some(place) => {
                        let values = group.get_column_reader(place).map_err(damaged)?;
                        column.take(&described[place], values, rows).map_err(damaged)?
                    }
                };
                if !taken {
                    return Err(refused("the file has a column of another type"));
                }
            }
            read.push(column);
        }
        Ok(read)
    }
}

impl PlainColumn {
    /// An empty column for a Delta type. `None` if [`PlainColumn`] has no variant for it.
    fn of(delta: &DeltaType) -> Option<Self> {
        let DeltaType::Primitive(name) = delta else { return None };
        Some(match name.as_str() {
            "byte" | "short" | "integer" | "long" => Self::Integers(Vec::new()),
            "float" | "double" => Self::Numbers(Vec::new()),
            "string" => Self::Texts(Vec::new()),
            "timestamp" => Self::Moments(Vec::new()),
            _ => return None,
        })
    }

    /// Appends nulls for a row group whose file does not have the column.
    fn take_nulls(&mut self, rows: usize) -> bool {
        match self {
            Self::Integers(values) => values.resize(values.len() + rows, None),
            Self::Numbers(values) => values.resize(values.len() + rows, None),
            Self::Texts(values) => values.resize(values.len() + rows, None),
            Self::Moments(values) => values.resize(values.len() + rows, None),
        }
        true
    }

    /// Appends the values of a row group. Returns `false` if they have another type.
    fn take(
        &mut self,
        described: &ColumnDescriptor,
        reader: ColumnReader,
        rows: usize,
    ) -> Result<bool, ParquetError> {
        let optional = described.max_def_level() == 1;
        match (self, reader) {
            (Self::Integers(values), ColumnReader::Int32ColumnReader(reader)) => {
                append(values, reader, rows, optional, |value| Some(i64::from(value)))?;
            }
            (Self::Integers(values), ColumnReader::Int64ColumnReader(reader)) => {
                append(values, reader, rows, optional, Some)?;
            }
            (Self::Numbers(values), ColumnReader::FloatColumnReader(reader)) => {
                append(values, reader, rows, optional, |value| Some(f64::from(value)))?;
            }
            (Self::Numbers(values), ColumnReader::DoubleColumnReader(reader)) => {
                append(values, reader, rows, optional, Some)?;
            }
            (Self::Texts(values), ColumnReader::ByteArrayColumnReader(reader)) => {
                let text = |value: ByteArray| Some(String::from_utf8_lossy(value.data()).into_owned());
                append(values, reader, rows, optional, text)?;
            }
            (Self::Moments(values), ColumnReader::Int96ColumnReader(reader)) => {
                let moment = |value: Int96| DateTime::from_timestamp_micros(value.to_micros());
                append(values, reader, rows, optional, moment)?;
            }
            (Self::Moments(values), ColumnReader::Int64ColumnReader(reader)) => {
                let Some(moment) = moments_of(described) else { return Ok(false) };
                append(values, reader, rows, optional, moment)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Converts the number in a column to a time. `None` if `DateTime` cannot hold it.
type Moment = fn(i64) -> Option<DateTime<Utc>>;

/// The conversion for an INT64 column, by its unit. `None` if the column is not a timestamp.
fn moments_of(described: &ColumnDescriptor) -> Option<Moment> {
    if let Some(LogicalType::Timestamp(kind)) = described.logical_type_ref() {
        return Some(match kind.unit {
            TimeUnit::MILLIS => DateTime::from_timestamp_millis,
            TimeUnit::MICROS => DateTime::from_timestamp_micros,
            TimeUnit::NANOS => |value| Some(DateTime::from_timestamp_nanos(value)),
        });
    }
    match described.converted_type() {
        ConvertedType::TIMESTAMP_MILLIS => Some(DateTime::from_timestamp_millis),
        ConvertedType::TIMESTAMP_MICROS => Some(DateTime::from_timestamp_micros),
        _ => None,
    }
}

/// Appends the values of a row group. In a Parquet file, a null has a definition level but no value.
fn append<T: DataType, V>(
    values: &mut Vec<Option<V>>,
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
    value: impl Fn(T::T) -> Option<V>,
) -> Result<(), ParquetError> {
    let (mut found, mut levels) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (more, _, _) =
            reader.read_records(rows - read, optional.then_some(&mut levels), None, &mut found)?;
        if more == 0 {
            return Err(ParquetError::General(format!("{read} of {rows} rows are in the file")));
        }
        read += more;
    }
    let mut found = found.into_iter();
    if optional {
        let of_level = |level: i16| if level == 1 { found.next().and_then(&value) } else { None };
        values.extend(levels.into_iter().map(of_level));
    } else {
        values.extend(found.map(value));
    }
    Ok(())
}
