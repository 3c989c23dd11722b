//! The lane of a function with Kafka batches. It splits a batch by topic and gives each topic's part to the
//! function's sink. The pipeline files are loaded once.

use std::collections::BTreeMap;
use std::sync::Arc;

use faults::{Classified, FaultClass};
use kafka_batch::{BatchOutcome, KafkaBatch, PartitionRecords};
use pipeline::Pipeline;
use s3::Client;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::pipelines::{LoadError, PipelineSource};
use crate::serve::{Failure, fault, note_retries, serve};
use crate::telemetry::{Unit, WideEvent};

/// The destination of the records of all topics, such as the lake or the warehouse.
pub trait TopicSink: Send + Sync + 'static {
    /// A topic's state, kept between batches.
    type Topic: Send + Sync;
    /// Why a topic's state cannot be created, or its records cannot be stored.
    type Error: Classified;
    /// The sink's name in messages, such as `the lake`.
    const NAME: &'static str;

    /// Creates the state of a pipeline's topic. Returns `None` if the pipeline file does not use this sink.
    ///
    /// # Errors
    /// If the pipeline file cannot be used with this sink. Then no topic of the function is stored.
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

/// The lane of all topics that go to one sink.
pub struct KafkaLane<S: TopicSink> {
    /// The destination of all topics.
    sink: S,
    /// The client that reads the pipeline files from S3.
    client: Client,
    source: PipelineSource,
    /// The state of each topic that uses the sink, by name; empty until the pipeline files were loaded.
    topics: OnceCell<BTreeMap<String, S::Topic>>,
}

/// Why the records of a topic were not stored.
#[derive(Debug, thiserror::Error)]
enum LaneError<E: Classified> {
    /// The pipeline files could not be loaded.
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    /// The sink failed, or the topic's state could not be created.
    #[error("{0}")]
    Sink(E),
    #[error(
        "no pipeline file sends topic {topic} to {sink}: add it to pipelines/ and apply, or delete the mapping"
    )]
    /// The batch is of a topic without a section for this sink, so the mapping should not exist.
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
    /// Creates a lane into `sink`. The pipelines are loaded with the first batch; if that fails, the next batch tries
    /// again.
    pub fn new(sink: S, client: Client, source: PipelineSource) -> Self {
        Self { sink, client, source, topics: OnceCell::new() }
    }

    /// Handles all records of `batch` before `deadline`. The outcome has a result for each record: handled,
    /// or to be delivered again. An error of one topic does not affect the others.
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

    /// The state of all topics. Loads the pipeline files at the first call; after an error, the next call
    /// tries again.
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

    /// Stores the part of one topic. All of `partitions` are of the same topic.
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

/// Serves Kafka batches until Lambda ends the process.
///
/// `partial_batch_response` says whether the event source mapping reads `batchItemFailures`. If it does not, Lambda
/// treats such an answer as a success. Therefore one record that must be delivered again then fails the whole
/// invocation.
pub async fn serve_kafka<S: TopicSink>(
    lane: KafkaLane<S>,
    partial_batch_response: bool,
) -> Result<(), lambda_runtime::Error> {
    // Lambda sends one event at a time to an execution environment, so no invocation waits for this lock.
    let served = Arc::new((lane, Mutex::new(KafkaBatch::default())));
    serve(async move |payload: Arc<RawValue>, deadline, event| {
        let (lane, batch) = served.as_ref();
        let mut batch = batch.lock().await;
        batch
            .refill(payload.get().as_bytes())
            .map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))?;
        event.metric("PayloadSize", payload.get().len() as u64, Unit::Bytes);
        let outcome = lane.store(&batch, deadline).await;
        kafka_answer(&outcome, &batch, partial_batch_response, event)
    })
    .await
}

/// The answer to Lambda for a batch with this outcome. Its counts become metrics of the event.
///
/// # Errors
/// [`Failure`] if records must be delivered again and Lambda does not read partial batch responses.
fn kafka_answer(
    outcome: &BatchOutcome,
    batch: &KafkaBatch,
    partial_batch_response: bool,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let response =
        outcome.response(batch).map_err(|error| Failure::new(FaultClass::Retryable, error.to_string()))?;
    let (tally, failed) = (outcome.tally(), response.batch_item_failures.len() as u64);
    event
        .field("partitions", batch.partitions().map(|partition| partition.id()).collect::<Vec<_>>())
        .metric("RecordsReceived", batch.len() as u64, Unit::Count)
        .metric("RecordsStored", tally.stored, Unit::Count)
        .metric("RecordsParked", tally.parked, Unit::Count)
        .metric("RecordsDuplicate", tally.duplicates, Unit::Count)
        .metric("RecordsToRetry", failed, Unit::Count);
    for (name, &count) in outcome.counts() {
        event.metric(name, count, Unit::Count);
    }
    if failed > 0 {
        let faults = outcome.faults();
        let reasons = faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
        // The sender of a redrive always reads the answer, so the mapping's setting does not matter.
        if !partial_batch_response && batch.redrive().is_none() {
            let lasting = faults.iter().all(|fault| fault.needs_action);
            let class = if lasting { FaultClass::Configuration } else { FaultClass::Retryable };
            return Err(Failure::new(class, reasons));
        }
        note_retries(event, reasons, faults.iter().any(|fault| fault.needs_action));
    }
    let answer = serde_json::to_value(response);
    let mut answer = answer.map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))?;
    if batch.redrive().is_some() {
        answer["reasons"] = outcome.faults().iter().map(|fault| fault.message.as_str()).collect();
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use kafka_batch::Fault;
    use serde_json::json;

    use super::*;

    /// The wide event of a batch that must be delivered again because of a fault.
    fn logged(needs_action: bool, partial_batch_response: bool) -> Value {
        let mut sent = kafka_batch::event::MskEvent::new("arn", "servers");
        sent.push("t", 0, 7, 1, None, Some(b"value"), &[]);
        let mut batch = KafkaBatch::default();
        batch.refill(&sent.to_json()).unwrap();
        let mut outcome = BatchOutcome::default();
        let message = "the pipeline file is bad".to_owned();
        outcome.retry(batch.partitions(), Fault { needs_action, message });
        let mut event = WideEvent::new("r-1");
        let answer = kafka_answer(&outcome, &batch, partial_batch_response, &mut event);
        let failure = answer.err().map(|failure| failure.to_string());
        serde_json::from_str(&event.line(failure.as_deref())).unwrap()
    }

    #[test]
    fn a_configuration_fault_is_logged_as_a_fault_also_with_partial_batch_responses() {
        for partial_batch_response in [false, true] {
            let line = logged(true, partial_batch_response);
            assert_eq!((&line["level"], &line["Faults"]), (&json!("ERROR"), &json!(1)), "{line}");
            assert!(line["fault"].as_str().unwrap().contains("the pipeline file is bad"), "{line}");
        }
    }

    #[test]
    fn a_retryable_error_is_not_a_fault_of_a_partial_batch_response() {
        let line = logged(false, true);
        assert_eq!(
            (&line["level"], &line["Faults"], &line["RecordsToRetry"]),
            (&json!("INFO"), &json!(0), &json!(1))
        );
    }
}
