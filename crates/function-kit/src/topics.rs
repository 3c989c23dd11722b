//! A Kafka lane for many topics. Each topic is stored as its pipeline file says; the files are loaded once.

use std::collections::BTreeMap;

use faults::{Classified, FaultClass};
use kafka_batch::{BatchOutcome, KafkaBatch, PartitionRecords};
use objects::Client;
use pipeline::Pipeline;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::pipelines::{LoadError, PipelineSource};
use crate::serve::{KafkaLane, fault};

/// The destination of the records of all topics, such as the lake or the warehouse.
pub trait TopicSink: Send + Sync + 'static {
    /// A topic's state, kept between batches.
    type Topic: Send + Sync;
    /// Why a topic's state cannot be created, or its records cannot be stored.
    type Error: Classified;
    /// The sink's name in messages, such as `the lake`.
    const NAME: &'static str;

    /// Creates the state of a pipeline's topic. Returns `None` if the pipeline file does not use this sink.
    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Self::Topic>, Self::Error>;

    /// Stores one topic's part of a batch before `deadline`, and adds the result of each partition to `outcome`. After
    /// an error, all records of the topic are delivered again.
    fn store(
        &self,
        topic: &Self::Topic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> impl Future<Output = Result<(), Self::Error>>;
}

/// A [`KafkaLane`] that stores all topics of one sink.
pub struct TopicLanes<S: TopicSink> {
    sink: S,
    client: Client,
    source: PipelineSource,
    topics: OnceCell<BTreeMap<String, S::Topic>>,
}

#[derive(Debug, thiserror::Error)]
enum LaneError<E: Classified> {
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    #[error("{0}")]
    Sink(E),
    #[error(
        "no pipeline file sends topic {topic} to {sink}: add it to pipelines/ and apply, or delete the mapping"
    )]
    UnknownTopic { topic: String, sink: &'static str },
}

impl<E: Classified> Classified for LaneError<E> {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::UnknownTopic { .. } => FaultClass::Configuration,
        }
    }
}

impl<S: TopicSink> TopicLanes<S> {
    /// Creates a lane into `sink`. The pipelines are loaded with the first batch; if that fails, the next batch tries
    /// again.
    pub fn new(sink: S, client: Client, source: PipelineSource) -> Self {
        Self { sink, client, source, topics: OnceCell::new() }
    }

    async fn topics(&self, deadline: Instant) -> Result<&BTreeMap<String, S::Topic>, LaneError<S::Error>> {
        self.topics
            .get_or_try_init(async || {
                let pipelines = self.source.load(&self.client, deadline).await?;
                let mut topics = BTreeMap::new();
                for pipeline in &pipelines {
                    if let Some(topic) = self.sink.topic(pipeline).map_err(LaneError::Sink)? {
                        topics.insert(pipeline.topic.name.clone(), topic);
                    }
                }
                Ok(topics)
            })
            .await
    }

    async fn store_topic(
        &self,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), LaneError<S::Error>> {
        let name = partitions.first().map(PartitionRecords::topic).unwrap_or_default();
        let unknown = || LaneError::UnknownTopic { topic: name.to_owned(), sink: S::NAME };
        let topic = self.topics(deadline).await?.get(name).ok_or_else(unknown)?;
        self.sink.store(topic, partitions, deadline, outcome).await.map_err(LaneError::Sink)
    }
}

impl<S: TopicSink> KafkaLane for TopicLanes<S> {
    async fn store(&self, batch: &KafkaBatch, deadline: Instant) -> BatchOutcome {
        let partitions: Vec<_> = batch.partitions().collect();
        let mut outcome = BatchOutcome::default();
        for of_topic in partitions.chunk_by(|a, b| a.topic() == b.topic()) {
            if let Err(error) = Box::pin(self.store_topic(of_topic, deadline, &mut outcome)).await {
                outcome.retry(of_topic.iter().copied(), fault(&error));
            }
        }
        outcome
    }
}
