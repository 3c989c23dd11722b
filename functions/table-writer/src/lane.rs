//! The lane: stores the records of a topic in its table.

use function_kit::topics::TopicSink;
use function_kit::{KafkaLane, TopicLanes};
use kafka_batch::{BatchOutcome, PartitionRecords};
use pipeline::{Pipeline, RecordDecoder};
use tokio::time::Instant;
use warehouse::RowsTable;
use warehouse_lane::{LaneError, Settings, Sink};

use crate::batch::Batch;

/// Stores records as rows of Postgres tables.
struct Tables(Sink);

/// What the lane needs for one topic. Built once per process.
struct Topic {
    /// The consumer group.
    group: String,
    /// The fingerprint of the pipeline file's fields, for parked records.
    fingerprint: String,
    /// The Postgres table and its insert statement.
    table: RowsTable,
    /// Decodes records by the fields of the pipeline file.
    decoder: RecordDecoder,
}

/// Opens the lane for all topics that have a `table` section. Creates the clients, but sends no request before the
/// first batch.
pub async fn open(settings: &Settings) -> impl KafkaLane {
    let client = objects::client(&function_kit::aws::sdk_config().await);
    let tables = Tables(Sink::new("table-writer", settings, client.clone()));
    TopicLanes::new(tables, client, settings.pipelines.clone())
}

impl TopicSink for Tables {
    type Topic = Topic;
    type Error = LaneError;
    const NAME: &'static str = "a table";

    /// Builds the topic's state if its pipeline file has a `table` section.
    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Topic>, LaneError> {
        let topic = pipeline.table.as_ref().and_then(|spec| {
            Some(Topic {
                group: spec.consumer_group.clone(),
                fingerprint: pipeline.schema_fingerprint(),
                table: RowsTable::of_pipeline(pipeline, spec)?,
                decoder: RecordDecoder::new(&pipeline.fields),
            })
        });
        Ok(topic)
    }

    /// Stores the new records and positions in one transaction.
    async fn store(
        &self,
        topic: &Topic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), LaneError> {
        let batch = Batch::decode(&topic.table, &topic.decoder, partitions);
        self.0.store(&topic.group, &topic.fingerprint, partitions, &batch, deadline, outcome).await
    }
}
