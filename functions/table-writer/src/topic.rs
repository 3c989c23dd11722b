//! A topic and its table.

use kafka_batch::PartitionRecords;
use pipeline::{Pipeline, RecordDecoder, Sink};
use warehouse::RowsTable;
use warehouse_lane::WarehouseTopic;

use crate::rows::DecodedRows;

/// A topic whose records are rows of a table.
pub struct TableTopic {
    /// The Kafka consumer group, by which positions are stored.
    consumer_group: String,
    /// The Postgres table and its insert statement.
    table: RowsTable,
    /// Decodes records by the fields of the pipeline file.
    decoder: RecordDecoder,
}

impl WarehouseTopic for TableTopic {
    type Decoded<'a> = DecodedRows<'a>;
    const LANE: &'static str = Sink::Table.function();
    const SINK: &'static str = "a table";

    fn of_pipeline(pipeline: &Pipeline) -> Option<Self> {
        let spec = pipeline.table.as_ref()?;
        Some(Self {
            consumer_group: spec.consumer_group.clone(),
            table: RowsTable::of_pipeline(pipeline, spec)?,
            decoder: RecordDecoder::new(&pipeline.fields),
        })
    }

    fn consumer_group(&self) -> &str {
        &self.consumer_group
    }

    fn decode<'a>(&'a self, partitions: &'a [PartitionRecords<'a>]) -> DecodedRows<'a> {
        DecodedRows::decode(&self.table, &self.decoder, partitions)
    }
}
