//! The lane: a batch, topic by topic, into the topics' tables.

use std::collections::BTreeMap;

use dead_letters::{DeadLetters, ParkedRecord};
use faults::{Classified, FaultClass};
use function_kit::KafkaLane;
use function_kit::pipelines::{LoadError, PipelineSource};
use kafka_batch::{BatchOutcome, Fault, KafkaBatch, PartitionOutcome, PartitionRecords};
use lake::{FileEncoder, LakeError, Table};
use objects::{Client, S3Location, StoreError};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::append::{AppendError, TopicAppend};
use crate::decoded::{Decoded, TopicSchema};
use crate::settings::Settings;

/// The name under which this function parks.
const LANE: &str = "parquet-writer";

/// Stores batches in Delta tables.
pub struct LakeLane {
    client: Client,
    source: PipelineSource,
    lake_root: S3Location,
    dead_letters: DeadLetters,
    topics: OnceCell<BTreeMap<String, Topic>>,
}

struct Topic {
    schema: TopicSchema,
    encoder: FileEncoder,
    fingerprint: String,
    table: Mutex<Table>,
}

#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("parking: {0}")]
    Parking(#[from] StoreError),
    #[error(
        "no pipeline file sends topic {0} to the lake: add it to pipelines/ and apply, or drop the mapping"
    )]
    UnknownTopic(String),
}

impl Classified for LaneError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Append(error) => error.class(),
            Self::Parking(error) => error.class(),
            Self::UnknownTopic(_) => FaultClass::Configuration,
        }
    }
}

impl LakeLane {
    /// Makes the clients; no request is sent before the first batch.
    pub async fn open(settings: &Settings) -> Self {
        let client = objects::client(&function_kit::aws::sdk_config().await);
        Self {
            source: settings.pipelines.clone(),
            lake_root: settings.lake_root.clone(),
            dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
            topics: OnceCell::new(),
            client,
        }
    }

    async fn topics(&self, deadline: Instant) -> Result<&BTreeMap<String, Topic>, LaneError> {
        self.topics
            .get_or_try_init(async || {
                let pipelines = self.source.load(&self.client, deadline).await?;
                let mut topics = BTreeMap::new();
                for pipeline in &pipelines {
                    let Some(spec) = &pipeline.lake else { continue };
                    let schema = TopicSchema::new(pipeline, spec)?;
                    let location = self.lake_root.join(&spec.path);
                    let table = Table::new(self.client.clone(), location, schema.table().clone());
                    let topic = Topic {
                        encoder: FileEncoder::new(schema.table()),
                        fingerprint: pipeline.schema_fingerprint(),
                        table: Mutex::new(table),
                        schema,
                    };
                    topics.insert(pipeline.topic.name.clone(), topic);
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
    ) -> Result<(), LaneError> {
        let name = partitions.first().map(PartitionRecords::topic).unwrap_or_default();
        let topic =
            self.topics(deadline).await?.get(name).ok_or_else(|| LaneError::UnknownTopic(name.to_owned()))?;
        let decoded = topic
            .schema
            .decode(partitions)
            .map_err(|source| AppendError::Columns { topic: name.to_owned(), source })?;
        let mut table = topic.table.lock().await;
        let mut append = TopicAppend::new(&topic.schema, &topic.encoder, partitions, &decoded);
        if append.has_poison() {
            let poison = append.poison_to_park(table.app_versions(deadline).await?);
            for (partition, records) in poison {
                let park = |(record, reason): &(_, &str)| {
                    ParkedRecord::of_kafka(LANE, &partition, record, reason, &topic.fingerprint)
                };
                let records: Vec<_> = records.iter().map(park).collect();
                self.dead_letters.park(&partition, &records, deadline).await?;
            }
        }
        table.append(&mut append, deadline).await?;
        report(&append, &decoded, partitions, outcome);
        Ok(())
    }
}

fn report(
    append: &TopicAppend<'_>,
    decoded: &Decoded,
    partitions: &[PartitionRecords<'_>],
    outcome: &mut BatchOutcome,
) {
    outcome.count("ExtraFields", decoded.extra_fields);
    outcome.count("HolesForgotten", append.forgotten_holes());
    outcome.count("RowsCatchAll", append.catch_all_rows());
    for (partition, result) in partitions.iter().zip(append.results()) {
        match result {
            Ok(tally) => outcome.push(PartitionOutcome::handled(partition, *tally)),
            Err(recreated) => {
                let message = format!("{}: {recreated}", partition.id());
                outcome.retry([*partition], Fault { needs_action: true, message });
            }
        }
    }
}

impl KafkaLane for LakeLane {
    async fn store(&self, batch: &KafkaBatch, deadline: Instant) -> BatchOutcome {
        let partitions: Vec<_> = batch.partitions().collect();
        let mut outcome = BatchOutcome::default();
        for of_topic in partitions.chunk_by(|a, b| a.topic() == b.topic()) {
            if let Err(error) = Box::pin(self.store_topic(of_topic, deadline, &mut outcome)).await {
                outcome.retry(of_topic.iter().copied(), function_kit::serve::fault(&error));
            }
        }
        outcome
    }
}
