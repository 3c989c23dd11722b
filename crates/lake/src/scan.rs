//! Reads chosen columns of a table's files as Arrow batches.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, stream};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    basic::Type as PhysicalType,
    errors::ParquetError,
};
use tokio::time::Instant;

use crate::{ActiveFile, LakeError, Snapshot, schema::arrow_of};

/// The number of files that are read at the same time.
pub(crate) const AHEAD: usize = 8;

impl Snapshot {
    /// Streams `columns` of every active file, one item per file, in the order of [`files`](Snapshot::files).
    ///
    /// Each batch has exactly these columns, in this order. The values of partition columns come from the log. A column
    /// that an older file does not have is null. Timestamps keep the unit of their file; INT96 timestamps become
    /// microseconds in UTC.
    ///
    /// # Errors
    /// An item is [`LakeError::Unsupported`] if the file has a deletion vector, [`LakeError::Schema`] if the table has
    /// no such column, and [`LakeError::Log`] if S3 does not have the file.
    pub fn scan<'a>(
        &'a self,
        columns: &'a [&'a str],
        deadline: Instant,
    ) -> impl Stream<Item = Result<(&'a ActiveFile, Vec<RecordBatch>), LakeError>> + 'a {
        self.scan_files(self.files().iter(), columns, AHEAD, deadline)
    }

    /// Like [`scan`](Snapshot::scan), for chosen files. Reads `ahead` files at the same time and holds each one in
    /// memory as a whole.
    pub fn scan_files<'a>(
        &'a self,
        files: impl Iterator<Item = &'a ActiveFile> + 'a,
        columns: &'a [&'a str],
        ahead: usize,
        deadline: Instant,
    ) -> impl Stream<Item = Result<(&'a ActiveFile, Vec<RecordBatch>), LakeError>> + 'a {
        let one = move |file| async move { Ok((file, self.file(file, columns, deadline).await?)) }.boxed();
        stream::iter(files).map(one).buffered(ahead)
    }

    /// Reads the columns of one file.
    async fn file(
        &self,
        file: &ActiveFile,
        columns: &[&str],
        deadline: Instant,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let body = self.body(file, columns, deadline).await?;
        self.decode(file, columns, body).map_err(|source| self.unreadable(file, source))
    }

    /// Reads the file's bytes. Fails if the file has a deletion vector, or if the table has no such columns.
    pub(crate) async fn body(
        &self,
        file: &ActiveFile,
        columns: &[&str],
        deadline: Instant,
    ) -> Result<Bytes, LakeError> {
        let table = || self.store.location().to_string();
        if file.has_deletions {
            let features = format!("the deletion vector of {}", file.key);
            return Err(LakeError::Unsupported { table: table(), features, purpose: "reading" });
        }
        if let Some(unknown) = columns.iter().find(|name| !self.columns().any(|column| column == **name)) {
            let reason = "the table has no such column".to_owned();
            return Err(LakeError::Schema { table: table(), column: (*unknown).to_owned(), reason });
        }
        self.store.get(&file.key, deadline).await?.ok_or_else(|| LakeError::Log {
            table: table(),
            file: file.key.clone(),
            reason: "S3 does not have it".to_owned(),
        })
    }

    /// The error for a data file that cannot be decoded.
    pub(crate) fn unreadable(&self, file: &ActiveFile, source: ParquetError) -> LakeError {
        LakeError::Parquet { context: format!("reading {}/{}", self.store.location(), file.key), source }
    }

    /// Decodes the columns of one file. Other columns of the file are skipped.
    fn decode(
        &self,
        file: &ActiveFile,
        columns: &[&str],
        body: Bytes,
    ) -> Result<Vec<RecordBatch>, ParquetError> {
        let metadata = with_microseconds(ArrowReaderMetadata::load(&body, ArrowReaderOptions::default())?)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(body, metadata);
        let wanted = builder
            .schema()
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, f)| columns.contains(&f.name().as_str()));
        let mask =
            ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(at, _)| at).collect::<Vec<_>>());
        let reader = builder.with_projection(mask).with_batch_size(65_536).build()?;
        reader.map(|batch| self.complete(file, columns, &batch?)).collect()
    }

    /// Adds the columns that the file does not have: partition values, and nulls for newer columns.
    fn complete(
        &self,
        file: &ActiveFile,
        columns: &[&str],
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ParquetError> {
        let mut fields = Vec::with_capacity(columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for name in columns {
            let array = if let Some(value) = file.partition.get(*name) {
                Arc::new(StringArray::from(vec![value.as_deref(); batch.num_rows()])) as ArrayRef
            } else if let Some(array) = batch.column_by_name(name) {
                array.clone()
            } else {
                let field = self.schema.fields.iter().find(|field| field.name == *name);
                let data_type = field.and_then(|field| arrow_of(&field.r#type));
                let data_type =
                    data_type.ok_or_else(|| ParquetError::General(format!("{name} is not in the file")))?;
                new_null_array(&data_type, batch.num_rows())
            };
            fields.push(Field::new(*name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }
}

/// Makes the reader return INT96 timestamps as microseconds in UTC, which is the meaning of Delta's `timestamp`. Spark
/// writes INT96 by default. Otherwise the Parquet reader returns nanoseconds, which overflow outside the years 1677 to
/// 2262.
pub(crate) fn with_microseconds(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ParquetError> {
    let columns = metadata.parquet_schema().root_schema().get_fields();
    let is_int96 = columns
        .iter()
        .map(|column| column.is_primitive() && column.get_physical_type() == PhysicalType::INT96)
        .collect::<Vec<_>>();
    if !is_int96.contains(&true) {
        return Ok(metadata);
    }
    let microseconds = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields = metadata.schema().fields().iter().zip(is_int96);
    let fields = fields.map(|(field, is_int96)| {
        if is_int96 {
            Arc::new(field.as_ref().clone().with_data_type(microseconds.clone()))
        } else {
            field.clone()
        }
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)
}
