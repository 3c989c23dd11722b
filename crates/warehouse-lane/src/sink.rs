//! The sink of a topic's records in Postgres, and the interface that a function implements for its topics.

use dead_letters::DeadLetters;
use function_kit::{KafkaLane, TopicSink};
use kafka_batch::{BatchOutcome, PartitionRecords};
use pipeline::Pipeline;
use tokio::time::Instant;
use warehouse::Warehouse;

use crate::decoded::DecodedRecords;
use crate::error::LaneError;
use crate::settings::Settings;
use crate::transaction::{Delivery, WarehouseSink};

/// A topic's state in a function, kept between batches: how its records are decoded, and where they are
/// stored.
pub trait WarehouseTopic: Send + Sync + Sized + 'static {
    /// The lane's name in dead letters: `table-writer`.
    const LANE: &'static str;
    /// The sink's name in messages, such as `a table`.
    const SINK: &'static str;
    /// The decoded records of a topic in a batch.
    type Decoded<'a>: DecodedRecords;

    /// Creates the state of a pipeline's topic; `None` if its file does not have this sink's section.
    fn of_pipeline(pipeline: &Pipeline) -> Option<Self>;

    /// The consumer group, by which positions are stored.
    fn consumer_group(&self) -> &str;

    /// Decodes the records of `partitions`, all of this topic.
    fn decode<'a>(&'a self, partitions: &'a [PartitionRecords<'a>]) -> Self::Decoded<'a>;
}

/// The topics of a function, stored in a database.
pub struct WarehouseTopics<T> {
    sink: WarehouseSink,
    topics: std::marker::PhantomData<fn() -> T>,
}

/// A topic with the fingerprint of its pipeline file's fields, which dead letters contain.
pub struct Fingerprinted<T> {
    topic: T,
    fingerprint: String,
}

/// Opens the lane of all topics that a function stores in Postgres. Creates the clients, but sends no request
/// before the first batch.
pub async fn open<T: WarehouseTopic>(settings: &Settings) -> KafkaLane<WarehouseTopics<T>> {
    let client = s3::client(&settings::sdk_config().await);
    let sink = WarehouseSink {
        lane: T::LANE,
        warehouse: Warehouse::new(settings.database.clone()),
        dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
    };
    let topics = WarehouseTopics { sink, topics: std::marker::PhantomData };
    KafkaLane::new(topics, client, settings.pipelines.clone())
}

impl<T: WarehouseTopic> TopicSink for WarehouseTopics<T> {
    type Topic = Fingerprinted<T>;
    type Error = LaneError;
    const NAME: &'static str = T::SINK;

    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Fingerprinted<T>>, LaneError> {
        let topic = T::of_pipeline(pipeline);
        Ok(topic.map(|topic| Fingerprinted { topic, fingerprint: pipeline.schema_fingerprint() }))
    }

    async fn store(
        &self,
        fingerprinted: &Fingerprinted<T>,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), LaneError> {
        let Fingerprinted { topic, fingerprint } = fingerprinted;
        let decoded = topic.decode(partitions);
        let group = topic.consumer_group();
        let delivery =
            Delivery { sink: &self.sink, group, fingerprint, partitions, decoded: &decoded, deadline };
        delivery.store(outcome).await
    }
}
