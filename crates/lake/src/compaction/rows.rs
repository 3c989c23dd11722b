//! Reads the rows of one file and converts them to the table's columns.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray, cast::AsArray, new_null_array,
};
use arrow_schema::{DataType, Fields};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::{TableSchema, scan::with_microseconds};

/// The keys with which Spark marks a file whose dates and times follow the Julian calendar. The new file would not have
/// the mark.
const OTHER_CALENDARS: [&str; 2] = ["org.apache.spark.legacyDateTime", "org.apache.spark.legacyINT96"];

/// Reads all rows of a file. The error says why they cannot be copied without loss.
///
/// `body` is the whole Parquet file. The rows come in batches of 65,536.
pub(super) fn of_file(schema: &TableSchema, body: Bytes) -> Result<Vec<RecordBatch>, String> {
    let unreadable = |e: &dyn std::fmt::Display| format!("it cannot be read: {e}");
    // Use the types in the Parquet schema. Other writers also store Arrow types, such as dictionaries.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&body, options).map_err(|e| unreadable(&e))?;
    let metadata = with_microseconds(metadata).map_err(|e| unreadable(&e))?;
    let notes = metadata.metadata().file_metadata().key_value_metadata();
    if notes.is_some_and(|notes| notes.iter().any(|note| OTHER_CALENDARS.contains(&note.key.as_str()))) {
        return Err("its dates and times follow Spark's legacy calendar".to_owned());
    }
    let expected = metadata.metadata().file_metadata().num_rows();
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(body, metadata).with_batch_size(65_536);
    let mut batches = Vec::new();
    let mut rows = 0;
    for batch in builder.build().map_err(|e| unreadable(&e))? {
        let batch = batch.map_err(|e| unreadable(&e))?;
        rows += batch.num_rows();
        batches.push(conform(schema, &batch)?);
    }
    if i64::try_from(rows) != Ok(expected) {
        return Err(format!("{rows} of its {expected} rows can be read"));
    }
    Ok(batches)
}

/// Converts a batch to the table's columns. Fails if the file has a column that the table does not have.
fn conform(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch, String> {
    let columns = schema.arrow().fields();
    let found = batch.schema_ref().fields();
    // Some writers store partition columns in the data files too.
    let known =
        |name: &str| columns.find(name).is_some() || schema.partition_columns().iter().any(|c| c == name);
    if let Some(unknown) = found.iter().find(|field| !known(field.name())) {
        return Err(format!("it has the column {:?}, which the table does not have", unknown.name()));
    }
    let column = |name: &str| batch.column_by_name(name).cloned();
    let arrays = fitted("", columns, &column, batch.num_rows())?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.arrow().clone(), arrays, &options).map_err(|e| e.to_string())
}

/// The arrays of `fields`. A nullable field that the file does not have becomes null.
///
/// `parent` is the dotted path of the struct with a dot at its end, or empty. A column of another type is an error,
/// because a cast could change values.
fn fitted(
    parent: &str,
    fields: &Fields,
    column: &dyn Fn(&str) -> Option<ArrayRef>,
    rows: usize,
) -> Result<Vec<ArrayRef>, String> {
    let one = |field: &arrow_schema::FieldRef| {
        let path = format!("{parent}{}", field.name());
        let Some(array) = column(field.name()) else {
            if !field.is_nullable() {
                return Err(format!("it does not have the column {path:?}, which must not be null"));
            }
            return Ok(new_null_array(field.data_type(), rows));
        };
        match (array.data_type(), field.data_type()) {
            (DataType::Struct(found), DataType::Struct(wanted)) => {
                if let Some(unknown) = found.iter().find(|field| wanted.find(field.name()).is_none()) {
                    let name = unknown.name();
                    return Err(format!(
                        "it has the column \"{path}.{name}\", which the table does not have"
                    ));
                }
                let inner = array.as_struct();
                let below = |name: &str| inner.column_by_name(name).cloned();
                let arrays = fitted(&format!("{path}."), wanted, &below, rows)?;
                let nulls = inner.nulls().cloned();
                let made = StructArray::try_new_with_length(wanted.clone(), arrays, nulls, rows);
                Ok(Arc::new(made.map_err(|e| e.to_string())?) as ArrayRef)
            }
            (found, wanted) if found == wanted => Ok(array),
            (found, wanted) => Err(format!("column {path:?} is {found} in it and {wanted} in the table")),
        }
    };
    fields.iter().map(one).collect()
}
