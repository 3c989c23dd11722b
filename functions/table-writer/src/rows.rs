//! The decoded records of a topic in a batch.

use chrono::{DateTime, Utc};
use kafka_batch::PartitionRecords;
use pipeline::{Poison, RecordDecoder, Value};
use warehouse::values::{NUL, has_nul};
use warehouse::{Client, NewRow, RowsTable};
use warehouse_lane::{DecodedRecords, LaneError, RecordIndex};

/// The decoded records of a topic in a batch. Each record is decoded once, even if storing is retried.
pub struct DecodedRows<'a> {
    /// The table that the rows are inserted into.
    table: &'a RowsTable,
    /// The records, for their timestamps and offsets.
    partitions: &'a [PartitionRecords<'a>],
    /// One list per partition, with the decode result of each record in order.
    rows: Vec<Vec<Result<Vec<Value<'a>>, Poison>>>,
    /// The number of fields in decoded records that the pipeline file does not name.
    extra_fields: u64,
}

impl<'a> DecodedRows<'a> {
    /// Decodes the records of `partitions`, which are all of one topic. A text with a NUL counts as poison
    /// here, because no text column of Postgres can hold it.
    pub(crate) fn decode(
        table: &'a RowsTable,
        decoder: &RecordDecoder,
        partitions: &'a [PartitionRecords<'a>],
    ) -> Self {
        let mut extra_fields = 0;
        let mut decode = |record: kafka_batch::RecordRef<'a>| {
            let bytes = record.payload().map_err(|reason| Poison(reason.to_owned()))?;
            let mut row = Vec::new();
            let extra = decoder.decode(bytes, &mut row)?;
            if row.iter().any(has_nul) {
                return Err(Poison(NUL.to_owned()));
            }
            extra_fields += u64::from(extra);
            Ok(row)
        };
        let rows = partitions.iter().map(|partition| partition.iter().map(&mut decode).collect()).collect();
        Self { table, partitions, rows, extra_fields }
    }
}

impl DecodedRecords for DecodedRows<'_> {
    /// The reason why a record cannot be decoded.
    fn poison(&self, (number, index): RecordIndex) -> Option<&str> {
        self.rows[number][index].as_ref().err().map(|poison| poison.0.as_str())
    }

    /// Inserts the rows. Returns the number of records that changed nothing, because a row with their key
    /// exists and stays.
    async fn store(&self, client: &Client, records: &[RecordIndex]) -> Result<u64, LaneError> {
        let rows: Vec<_> = records
            .iter()
            .filter_map(|&(number, index)| {
                let (partition, values) = (self.partitions[number], self.rows[number][index].as_ref().ok()?);
                let record = partition.get(index);
                Some(NewRow {
                    values,
                    received_at: received_at(record.time_ms()),
                    partition: partition.partition(),
                    offset: record.offset(),
                })
            })
            .collect();
        let stored = self.table.insert(client, &rows).await?;
        Ok((rows.len() as u64).saturating_sub(stored))
    }

    fn extra_fields(&self) -> u64 {
        self.extra_fields
    }
}

/// Kafka's timestamp. Without a valid timestamp: 1970, so that the record is older than all others.
fn received_at(time_ms: Option<i64>) -> DateTime<Utc> {
    time_ms.and_then(DateTime::from_timestamp_millis).unwrap_or_default()
}
