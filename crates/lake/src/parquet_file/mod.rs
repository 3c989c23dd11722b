//! Arrow batches → Parquet files in memory, with the statistics that the Delta log carries.

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

/// A finished data file that is not on S3 yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFile {
    /// One value for each partition column of the table, in their order.
    pub partition: Vec<Option<String>>,
    /// The Parquet file.
    pub bytes: Bytes,
    /// The file's statistics as JSON, as the Delta log has them.
    pub stats: String,
    /// Rows in the file.
    pub rows: usize,
}

/// Encodes batches of one schema.
#[derive(Debug, Clone)]
pub struct FileEncoder {
    schema: TableSchema,
    properties: WriterProperties,
}

impl FileEncoder {
    /// An encoder for the files of a table with these columns.
    #[must_use]
    pub fn new(schema: &TableSchema) -> Self {
        Self { schema: schema.clone(), properties: properties(schema) }
    }

    /// One file of one batch. The batch must have exactly the schema's columns, types and nullability.
    pub fn encode(
        &self,
        partition: Vec<Option<String>>,
        batch: &RecordBatch,
    ) -> Result<PartitionFile, LakeError> {
        // Compressed rooms take about 8 bytes a row: one allocation is enough.
        let mut file = self.begin(4096 + batch.num_rows() * 16)?;
        file.write(batch)?;
        file.finish(partition)
    }

    /// Begins a file of several batches. `room` is the expected size in bytes.
    pub(crate) fn begin(&self, room: usize) -> Result<FileWriter, LakeError> {
        let options =
            ArrowWriterOptions::new().with_properties(self.properties.clone()).with_skip_arrow_metadata(true);
        let columns = self.schema.arrow().clone();
        let writer = ArrowWriter::try_new_with_options(Vec::with_capacity(room), columns.clone(), options);
        Ok(FileWriter { columns, writer: writer.map_err(failed)?, rows: 0 })
    }
}

/// A file that is being written.
pub(crate) struct FileWriter {
    columns: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
}

impl FileWriter {
    /// Appends rows. The batch must have exactly the schema's columns, types and nullability.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let found = batch.schema_ref();
        if found.fields() != self.columns.fields() {
            return Err(failed(ParquetError::General(format!("the batch has other columns: {found}"))));
        }
        self.rows += batch.num_rows();
        self.writer.write(batch).map_err(failed)
    }

    /// The rows that follow are in another row group.
    pub(crate) fn end_row_group(&mut self) -> Result<(), LakeError> {
        self.writer.flush().map_err(failed)
    }

    pub(crate) fn finish(mut self, partition: Vec<Option<String>>) -> Result<PartitionFile, LakeError> {
        let metadata = self.writer.finish().map_err(failed)?;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        Ok(PartitionFile { partition, bytes, stats: stats::json(&metadata), rows: self.rows })
    }
}

fn failed(source: ParquetError) -> LakeError {
    LakeError::Parquet { context: "encoding a batch".to_owned(), source }
}

/// What Spark looks for in a file's metadata to learn which calendar its dates and times follow. Without it, one time
/// before 1900, or date before 1582, makes every read of the file fail (`READ_ANCIENT_DATETIME`); any version from 3.0 on,
/// without a note of the legacy calendar, stands for the proleptic Gregorian calendar, which is ours.
const CALENDAR: (&str, &str) = ("org.apache.spark.version", "3.5.0");

/// Rows in a row group. An append has fewer; of a compacted file, readers take the groups in parallel, or leave some out.
const ROW_GROUP: usize = 1 << 20;

/// Pages by size alone; statistics for the chunk only, since nobody reads single pages of groups this small.
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

/// Strings repeat and take a dictionary; integers and times mostly count up and take their differences.
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
