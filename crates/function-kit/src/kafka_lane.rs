//! The lane of a function that Kafka feeds: it cuts a batch by topic and gives each topic's part to the function's sink. The
//! pipeline files, which say what a topic needs, are loaded once.

use std::collections::BTreeMap;

use faults::{Classified, FaultClass};
use kafka_batch::{BatchOutcome, KafkaBatch, PartitionRecords};
use pipeline::Pipeline;
use s3::Client;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::pipelines::{LoadError, PipelineSource};
use crate::serve::fault;

/// Where a topic's records go.
pub trait TopicSink: Send + Sync + 'static {
    /// What is kept of a topic from batch to batch.
    type Topic: Send + Sync;
    /// Why a topic cannot be served, or its records not be stored.
    type Error: Classified;
    /// What the sink is called in messages: `the lake`.
    const NAME: &'static str;

    /// What is kept of a pipeline's topic; `None` where its file does not name this sink.
    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Self::Topic>, Self::Error>;

    /// Stores one topic's part of a batch before `deadline`, and tells `outcome` what became of each partition. After an
    /// error all of it comes again.
    fn store(
        &self,
        topic: &Self::Topic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> impl Future<Output = Result<(), Self::Error>>;
}

/// The lane of all topics that go to one sink.
pub struct KafkaLane<S: TopicSink> {
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
        "no pipeline file sends topic {topic} to {sink}: add it to pipelines/ and apply, or drop the mapping"
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

impl<S: TopicSink> KafkaLane<S> {
    /// A lane into `sink`. The pipelines are loaded with the first batch.
    pub fn new(sink: S, client: Client, source: PipelineSource) -> Self {
        Self { sink, client, source, topics: OnceCell::new() }
    }

    /// Handles every record of `batch` before `deadline`, and says what became of each.
    pub async fn store(&self, batch: &KafkaBatch, deadline: Instant) -> BatchOutcome {
        let partitions: Vec<_> = batch.partitions().collect();
        let mut outcome = BatchOutcome::default();
        for of_topic in partitions.chunk_by(|a, b| a.topic() == b.topic()) {
            if let Err(error) = Box::pin(self.store_topic(of_topic, deadline, &mut outcome)).await {
                outcome.retry(of_topic.iter().copied(), fault(&error));
            }
        }
        outcome
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
