//! The lane: a batch, topic by topic, into the topics' totals.

use std::collections::BTreeMap;

use dead_letters::DeadLetters;
use faults::{Classified, FaultClass};
use function_kit::KafkaLane;
use function_kit::pipelines::{LoadError, PipelineSource};
use kafka_batch::{BatchOutcome, Fault, KafkaBatch, PartitionOutcome, PartitionRecords};
use objects::Client;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use warehouse::{TotalsTable, Warehouse};

use crate::counted::TopicSums;
use crate::settings::Settings;
use crate::transaction::{CountError, Work};

/// Adds batches to running totals.
pub struct TotalsLane {
    client: Client,
    source: PipelineSource,
    warehouse: Warehouse,
    dead_letters: DeadLetters,
    topics: OnceCell<BTreeMap<String, Topic>>,
}

struct Topic {
    group: String,
    fingerprint: String,
    table: TotalsTable,
    sums: TopicSums,
}

#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    #[error(transparent)]
    Count(#[from] CountError),
    #[error(
        "no pipeline file sends topic {0} to a totals table: add it to pipelines/ and apply, or drop the mapping"
    )]
    UnknownTopic(String),
}

impl Classified for LaneError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Count(error) => error.class(),
            Self::UnknownTopic(_) => FaultClass::Configuration,
        }
    }
}

impl TotalsLane {
    /// Makes the clients; no request is sent before the first batch.
    pub async fn open(settings: &Settings) -> Self {
        let client = objects::client(&function_kit::aws::sdk_config().await);
        Self {
            source: settings.pipelines.clone(),
            warehouse: Warehouse::new(settings.database.clone()),
            dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
            topics: OnceCell::new(),
            client,
        }
    }

    async fn topics(&self, deadline: Instant) -> Result<&BTreeMap<String, Topic>, LaneError> {
        self.topics
            .get_or_try_init(async || {
                let pipelines = self.source.load(&self.client, deadline).await?;
                let topic = |pipeline: &pipeline::Pipeline| {
                    let spec = pipeline.totals.as_ref()?;
                    let topic = Topic {
                        group: spec.consumer_group.clone(),
                        fingerprint: pipeline.schema_fingerprint(),
                        table: TotalsTable::of_pipeline(pipeline, spec)?,
                        sums: TopicSums::new(pipeline, spec)?,
                    };
                    Some((pipeline.topic.name.clone(), topic))
                };
                Ok(pipelines.iter().filter_map(topic).collect())
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
        let counted = topic.sums.count(partitions);
        let work = Work {
            group: &topic.group,
            fingerprint: &topic.fingerprint,
            table: &topic.table,
            sums: &topic.sums,
            dead_letters: &self.dead_letters,
            partitions,
            counted: &counted,
            deadline,
        };
        let run = async |careful| {
            self.warehouse
                .run("count a batch", deadline, async |client| work.run(client, careful).await)
                .await
        };
        let done = match run(false).await {
            Err(error) if error.is_unholdable() => run(true).await,
            done => done,
        };
        let (results, forgotten) = done?;
        outcome.count("ExtraFields", counted.extra_fields);
        outcome.count("HolesForgotten", forgotten);
        for (partition, result) in partitions.iter().zip(results) {
            match result {
                Ok(tally) => outcome.push(PartitionOutcome::handled(partition, tally)),
                Err(recreated) => {
                    let message = format!("{}: {recreated}", partition.id());
                    outcome.retry([*partition], Fault { needs_action: true, message });
                }
            }
        }
        Ok(())
    }
}

impl KafkaLane for TotalsLane {
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
