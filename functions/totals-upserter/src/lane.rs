//! The sink: a topic's part of a batch into its totals.

use dead_letters::DeadLetters;
use function_kit::topics::{TopicSink, settle};
use function_kit::{KafkaLane, TopicLanes};
use kafka_batch::{BatchOutcome, PartitionRecords};
use pipeline::Pipeline;
use tokio::time::Instant;
use warehouse::{TotalsTable, Warehouse};

use crate::counted::TopicSums;
use crate::settings::Settings;
use crate::transaction::{CountError, Work};

/// Adds batches to running totals.
struct Totals {
    warehouse: Warehouse,
    dead_letters: DeadLetters,
}

struct Topic {
    group: String,
    fingerprint: String,
    table: TotalsTable,
    sums: TopicSums,
}

/// The lane of all topics that have totals. Makes the clients; no request is sent before the first batch.
pub async fn open(settings: &Settings) -> impl KafkaLane {
    let client = objects::client(&function_kit::aws::sdk_config().await);
    let totals = Totals {
        warehouse: Warehouse::new(settings.database.clone()),
        dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
    };
    TopicLanes::new(totals, client, settings.pipelines.clone())
}

impl TopicSink for Totals {
    type Topic = Topic;
    type Error = CountError;
    const NAME: &'static str = "a totals table";

    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Topic>, CountError> {
        let topic = pipeline.totals.as_ref().and_then(|spec| {
            Some(Topic {
                group: spec.consumer_group.clone(),
                fingerprint: pipeline.schema_fingerprint(),
                table: TotalsTable::of_pipeline(pipeline, spec)?,
                sums: TopicSums::new(pipeline, spec)?,
            })
        });
        Ok(topic)
    }

    async fn store(
        &self,
        topic: &Topic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), CountError> {
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
        settle(outcome, partitions, &results);
        Ok(())
    }
}
