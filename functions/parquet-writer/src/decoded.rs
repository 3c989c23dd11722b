//! The decoded records of a topic in a batch: the rows as Arrow columns, and the reasons for the records without a row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, Int64Builder, TimestampMicrosecondBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use chrono::DateTime;
use kafka_batch::PartitionRecords;
use lake::{LakeError, TableSchema};
use pipeline::{LakeSection, Pipeline, Poison, RecordDecoder, Value};

use crate::columns::{ColumnBuilder, fields, timestamp_type};

/// One hour. All records of an hour have the same partition values, because patterns have no finer codes.
const HOUR_MICROS: i64 = 3_600 * 1_000_000;

/// How the records of a topic are decoded, and the columns of its table.
#[derive(Debug, Clone)]
pub struct TopicSchema {
    /// Decodes records by the fields of the pipeline file.
    decoder: RecordDecoder,
    /// The `lake` section of the pipeline file.
    spec: LakeSection,
    /// The column index of the event time in a decoded row.
    event_time: Option<usize>,
    /// The columns in the data files.
    arrow: SchemaRef,
    /// All columns of the table, with the partition columns.
    table: TableSchema,
}

/// The decode result of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// The record has the row with this index in [`DecodedColumns::rows`].
    Row(u32),
    /// The record can never be stored, for this reason.
    Poison(Poison),
}

/// The decoded records of a topic in a batch.
#[derive(Debug)]
pub struct DecodedColumns {
    /// One list per partition, in the given order, with the decode result of each record.
    pub results: Vec<Vec<RecordResult>>,
    /// The rows of all records that were decoded.
    pub rows: RecordBatch,
    /// The index in `folders` for each row.
    pub folder_of: Vec<u32>,
    /// The partition values in the batch, each in the order of the table's partition columns.
    pub folders: Vec<Vec<Option<String>>>,
    /// The number of fields in decoded records that the pipeline file does not name.
    pub extra_fields: u64,
}

impl TopicSchema {
    /// Creates the schema of a pipeline. `spec` is its `lake` section.
    ///
    /// # Errors
    /// [`LakeError`] if the columns cannot be those of a Delta table.
    pub fn new(pipeline: &Pipeline, spec: &LakeSection) -> Result<Self, LakeError> {
        let decoder = RecordDecoder::new(&pipeline.fields);
        let layout = decoder.layout();
        let mut all: Vec<_> = fields(layout, &layout.roots).iter().cloned().collect();
        // The origin of the record. With these columns, a query can check that no record is missing.
        let topic_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        all.extend([
            Arc::new(Field::new("_topic", topic_type, false)),
            Arc::new(Field::new("_partition", DataType::Int32, false)),
            Arc::new(Field::new("_offset", DataType::Int64, false)),
            Arc::new(Field::new("_timestamp", timestamp_type(), true)),
        ]);
        let arrow = Arc::new(Schema::new(all));
        let partition_columns = spec.partition_by.iter().map(|column| column.name.clone()).collect();
        let table = TableSchema::new(Arc::clone(&arrow), partition_columns)?;
        let event_time = pipeline.event_time.as_deref().and_then(|path| layout.column_index(path));
        Ok(Self { spec: spec.clone(), event_time, arrow, table, decoder })
    }

    /// The table's columns.
    #[must_use]
    pub fn table(&self) -> &TableSchema {
        &self.table
    }

    /// The Kafka consumer group.
    #[must_use]
    pub fn consumer_group(&self) -> &str {
        &self.spec.consumer_group
    }

    /// The partition values of a record with this event time. Without an event time, columns with a pattern are null.
    fn folder(&self, event_time: Option<i64>) -> Vec<Option<String>> {
        let instant = event_time.and_then(DateTime::from_timestamp_micros);
        let value = |column: &pipeline::PartitionColumn| {
            if column.value.contains('%') {
                instant.map(|instant| instant.format(&column.value).to_string())
            } else {
                Some(column.value.clone())
            }
        };
        self.spec.partition_by.iter().map(value).collect()
    }

    /// Decodes the records of `partitions`, which are all of this topic.
    ///
    /// # Errors
    /// Only if Arrow refuses the columns, which is a bug. A record that cannot be decoded is a
    /// [`RecordResult::Poison`].
    pub fn decode(&self, partitions: &[PartitionRecords<'_>]) -> Result<DecodedColumns, ArrowError> {
        let records: usize = partitions.iter().map(PartitionRecords::len).sum();
        let layout = self.decoder.layout();
        let mut columns = ColumnBuilder::all(layout, &layout.roots, records);
        let mut origin = OriginBuilder::new(records);
        let mut folders = Folders::new(self);
        let mut folder_of = Vec::with_capacity(records);
        let mut results = Vec::with_capacity(partitions.len());
        let (mut row, mut extra_fields, mut rows) = (Vec::new(), 0, 0);
        for partition in partitions {
            let mut partition_results = Vec::with_capacity(partition.len());
            for record in partition.iter() {
                let bytes = record.payload().map_err(|reason| Poison(reason.to_owned()));
                partition_results.push(match bytes.and_then(|bytes| self.decoder.decode(bytes, &mut row)) {
                    Ok(extra) => {
                        for column in &mut columns {
                            column.append(&row);
                        }
                        origin.append(partition.partition(), record.offset(), record.time_ms());
                        folder_of.push(folders.of(&row));
                        extra_fields += u64::from(extra);
                        rows += 1;
                        RecordResult::Row(rows - 1)
                    }
                    Err(poison) => RecordResult::Poison(poison),
                });
            }
            results.push(partition_results);
        }
        let mut arrays = columns.iter_mut().map(ColumnBuilder::finish).collect::<Result<Vec<_>, _>>()?;
        let topic = partitions.first().map(PartitionRecords::topic).unwrap_or_default();
        arrays.extend(origin.finish(topic, folder_of.len())?);
        let rows = RecordBatch::try_new(Arc::clone(&self.arrow), arrays)?;
        Ok(DecodedColumns { results, rows, folder_of, folders: folders.list, extra_fields })
    }
}

/// Builds the columns `_partition`, `_offset` and `_timestamp`.
struct OriginBuilder {
    partitions: Int32Builder,
    offsets: Int64Builder,
    /// Kafka's timestamps in microseconds. Null if a timestamp is missing or not valid.
    timestamps: TimestampMicrosecondBuilder,
}

impl OriginBuilder {
    fn new(rows: usize) -> Self {
        Self {
            partitions: Int32Builder::with_capacity(rows),
            offsets: Int64Builder::with_capacity(rows),
            timestamps: TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(timestamp_type()),
        }
    }

    /// Adds the origin of one record. `time_ms` is Kafka's timestamp, if it is valid.
    fn append(&mut self, partition: i32, offset: i64, time_ms: Option<i64>) {
        self.partitions.append_value(partition);
        self.offsets.append_value(offset);
        self.timestamps.append_option(time_ms.map(|time_ms| time_ms * 1_000));
    }

    /// Returns the four columns. The topic's name is stored once, in a dictionary.
    fn finish(mut self, topic: &str, rows: usize) -> Result<[ArrayRef; 4], ArrowError> {
        let keys = Int32Array::from(vec![0; rows]);
        let topics = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(StringArray::from(vec![topic])))?;
        Ok([
            Arc::new(topics),
            Arc::new(self.partitions.finish()),
            Arc::new(self.offsets.finish()),
            Arc::new(self.timestamps.finish()),
        ])
    }
}

impl DecodedColumns {
    /// Splits rows by folder. Folders are in the order in which they first occur in the batch.
    #[must_use]
    pub fn by_folder(&self, rows: &[u32]) -> Vec<(&[Option<String>], Vec<u32>)> {
        let mut folders: Vec<_> = self.folders.iter().map(|folder| (folder.as_slice(), Vec::new())).collect();
        for &row in rows {
            folders[self.folder_of[row as usize] as usize].1.push(row);
        }
        folders.retain(|(_, rows)| !rows.is_empty());
        folders
    }
}

/// Finds the folder of a row. Usually a row has the same hour as the row before it.
struct Folders<'s> {
    schema: &'s TopicSchema,
    /// The partition values that occurred so far.
    list: Vec<Vec<Option<String>>>,
    /// A map, because each record of a batch can have another hour.
    by_hour: HashMap<Option<i64>, u32>,
    /// Finds equal partition values of different hours.
    by_values: HashMap<Vec<Option<String>>, u32>,
    /// The hour and folder of the row before.
    last: Option<(Option<i64>, u32)>,
}

impl<'s> Folders<'s> {
    fn new(schema: &'s TopicSchema) -> Self {
        let (by_hour, by_values) = (HashMap::new(), HashMap::new());
        Self { schema, list: Vec::new(), by_hour, by_values, last: None }
    }

    /// Returns the index in `list` of the folder for a row.
    fn of(&mut self, row: &[Value<'_>]) -> u32 {
        let event_time = self.schema.event_time.and_then(|place| match row[place] {
            Value::Timestamp(micros) => Some(micros),
            _ => None,
        });
        let hour = event_time.map(|micros| micros.div_euclid(HOUR_MICROS));
        if let Some((last, number)) = self.last
            && last == hour
        {
            return number;
        }
        let number = self.by_hour.get(&hour).copied().unwrap_or_else(|| {
            let folder = self.schema.folder(event_time);
            // A batch has at most 10,000 records.
            let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
            let number = *self.by_values.entry(folder).or_insert_with_key(|folder| {
                self.list.push(folder.clone());
                next
            });
            self.by_hour.insert(hour, number);
            number
        });
        self.last = Some((hour, number));
        number
    }
}
