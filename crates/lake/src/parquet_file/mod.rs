//! Encodes Arrow batches as Parquet files in memory, with the statistics for the Delta log.

mod groups;
mod stats;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Fields, SchemaRef};
use bytes::Bytes;
use parquet::{
    arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};

use crate::{LakeError, TableSchema};

/// A data file in memory that is not on S3 yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFile {
    /// The value of each partition column of the table, in the order of the columns. `None` is null.
    pub partition: Vec<Option<String>>,
    /// The bytes of the Parquet file.
    pub bytes: Bytes,
    /// The file's statistics as JSON, in the form of the Delta log.
    pub stats: String,
    /// The number of rows in the file.
    pub rows: usize,
}

/// Encodes batches with the columns of one table.
#[derive(Debug, Clone)]
pub struct FileEncoder {
    schema: TableSchema,
    /// Compression, encodings and statistics, by column.
    properties: WriterProperties,
}

impl FileEncoder {
    /// Creates an encoder for the files of a table with these columns.
    #[must_use]
    pub fn new(schema: &TableSchema) -> Self {
        Self { schema: schema.clone(), properties: properties(schema) }
    }

    /// Encodes one batch as one file. The batch must have exactly the schema's columns, types and nullability.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] if the columns differ, or if the Parquet library fails.
    pub fn encode(
        &self,
        partition: Vec<Option<String>>,
        batch: &RecordBatch,
    ) -> Result<PartitionFile, LakeError> {
        // Compressed room counts take about 8 bytes per row, so usually one allocation is enough.
        let mut file = self.begin(4096 + batch.num_rows() * 16)?;
        file.write(batch)?;
        file.finish(partition)
    }

    /// Starts a file of several batches. `room` is the expected size in bytes.
    pub(crate) fn begin(&self, room: usize) -> Result<FileWriter, LakeError> {
        let options =
            ArrowWriterOptions::new().with_properties(self.properties.clone()).with_skip_arrow_metadata(true);
        let columns = self.schema.arrow().clone();
        let writer = ArrowWriter::try_new_with_options(Vec::with_capacity(room), columns.clone(), options);
        Ok(FileWriter { columns, writer: writer.map_err(failed)?, rows: 0 })
    }
}

/// A Parquet file that is being written.
///
/// Its bytes are in memory until [`FileWriter::finish`].
pub(crate) struct FileWriter {
    columns: SchemaRef,
    /// The writer with the bytes so far.
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
}

impl FileWriter {
    /// Appends a batch. It must have exactly the schema's columns, types and nullability.
    ///
    /// Fails with [`LakeError::Parquet`] if the columns differ.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let found = batch.schema_ref();
        if found.fields() != self.columns.fields() {
            return Err(failed(ParquetError::General(format!("the batch has other columns: {found}"))));
        }
        self.rows += batch.num_rows();
        self.writer.write(batch).map_err(failed)
    }

    /// Ends the current row group. Later rows go to a new one.
    pub(crate) fn end_row_group(&mut self) -> Result<(), LakeError> {
        self.writer.flush().map_err(failed)
    }

    /// Writes the footer. Returns the file with its statistics for the log. `partition` has the value of each partition
    /// column.
    pub(crate) fn finish(mut self, partition: Vec<Option<String>>) -> Result<PartitionFile, LakeError> {
        let metadata = self.writer.finish().map_err(failed)?;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        Ok(PartitionFile { partition, bytes, stats: stats::json(&metadata), rows: self.rows })
    }
}

/// An error while encoding.
fn failed(source: ParquetError) -> LakeError {
    LakeError::Parquet { context: "encoding a batch".to_owned(), source }
}

/// Spark's own version key in a file's metadata. Spark uses it to find out which calendar the dates and times follow.
/// Without it, Spark refuses to read a file with a time before 1900 or a date before 1582 (`READ_ANCIENT_DATETIME`). A
/// version from 3.0 on, without the legacy mark, means the proleptic Gregorian calendar, which this crate uses.
const CALENDAR: (&str, &str) = ("org.apache.spark.version", "3.5.0");

/// The maximum number of rows in a row group. Appends have fewer. Readers of a compacted file can read its groups in
/// parallel and skip some.
const ROW_GROUP: usize = 1 << 20;

/// The properties of the Parquet writer. Pages are cut by size only. There are statistics of column chunks and not of
/// pages, because in such small groups readers gain nothing from skipping single pages.
fn properties(schema: &TableSchema) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(CALENDAR.0.to_owned(), CALENDAR.1.to_owned())]))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(stats::LONGEST))
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(8192)
        .set_dictionary_enabled(false);
    by_column(builder, schema.arrow().fields(), &mut Vec::new()).build()
}

/// Sets the encoding of each column. Strings repeat, so they use a dictionary. Integers and times usually increase, so
/// they use delta encoding.
fn by_column(
    mut builder: WriterPropertiesBuilder,
    fields: &Fields,
    path: &mut Vec<String>,
) -> WriterPropertiesBuilder {
    for field in fields {
        path.push(field.name().clone());
        let column = || ColumnPath::new(path.clone());
        builder = match field.data_type() {
            DataType::Struct(inner) => by_column(builder, inner, path),
            DataType::Dictionary(..)
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary => builder.set_column_dictionary_enabled(column(), true),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Timestamp(..) => builder.set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED),
            _ => builder,
        };
        path.pop();
    }
    builder
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_schema::{Field, Schema};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn every_file_names_its_calendar_to_spark() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
        let encoder = FileEncoder::new(&TableSchema::new(schema, Vec::new()).unwrap());
        let reader = SerializedFileReader::new(encoder.encode(Vec::new(), &batch).unwrap().bytes).unwrap();
        let notes = reader.metadata().file_metadata().key_value_metadata().unwrap();
        assert!(notes.iter().any(|note| note.key == CALENDAR.0 && note.value.as_deref() == Some(CALENDAR.1)));
    }
}
