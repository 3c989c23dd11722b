//! The lane: adds the records of a topic to its totals.

use function_kit::topics::TopicSink;
use function_kit::{KafkaLane, TopicLanes};
use kafka_batch::{BatchOutcome, PartitionRecords};
use pipeline::Pipeline;
use tokio::time::Instant;
use warehouse::{Client, TotalsTable};
use warehouse_lane::{Decoded, LaneError, Place, Settings, Sink};

use crate::counted::{Counted, Fate, TopicSums};

/// Adds batches to running totals in Postgres.
struct Totals(Sink);

/// What the lane needs for one topic. Built once per process.
struct Topic {
    group: String,
    fingerprint: String,
    table: TotalsTable,
    sums: TopicSums,
}

/// Opens the lane for all topics that have a `totals` section. Creates the clients, but sends no request before the
/// first batch.
pub async fn open(settings: &Settings) -> impl KafkaLane {
    let client = objects::client(&function_kit::aws::sdk_config().await);
    let totals = Totals(Sink::new("totals-upserter", settings, client.clone()));
    TopicLanes::new(totals, client, settings.pipelines.clone())
}

impl TopicSink for Totals {
    type Topic = Topic;
    type Error = LaneError;
    const NAME: &'static str = "a totals table";

    /// Builds the topic's state if its pipeline file has a `totals` section.
    fn topic(&self, pipeline: &Pipeline) -> Result<Option<Topic>, LaneError> {
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

    /// Adds the new records and saves the positions in one transaction.
    async fn store(
        &self,
        topic: &Topic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), LaneError> {
        let batch = Batch { topic, counted: topic.sums.count(partitions) };
        self.0.store(&topic.group, &topic.fingerprint, partitions, &batch, deadline, outcome).await
    }
}

/// The decoded records of a topic in a batch.
struct Batch<'a> {
    topic: &'a Topic,
    counted: Counted,
}

impl Decoded for Batch<'_> {
    fn poison(&self, (number, index): Place) -> Option<&str> {
        match &self.counted.fates[number][index] {
            Fate::Poison(poison) => Some(&poison.0),
            Fate::Amount { .. } => None,
        }
    }

    /// Adds the sum of the records per key. Every record counts as a change of the table.
    async fn store(&self, client: &Client, places: &[Place]) -> Result<u64, LaneError> {
        self.topic.table.add(client, &self.rows(places)?).await?;
        Ok(0)
    }

    fn extra_fields(&self) -> u64 {
        self.counted.extra_fields
    }
}

impl Batch<'_> {
    /// The keys of the records at `places`, each with the sum of its records. Sorted by key, so that two writers cannot
    /// deadlock.
    fn rows(&self, places: &[Place]) -> Result<Vec<(Vec<String>, String)>, LaneError> {
        let mut sums = vec![(0_i128, false); self.counted.keys.len()];
        for &(number, index) in places {
            if let Fate::Amount { key, amount } = self.counted.fates[number][index] {
                let sum = &mut sums[key as usize];
                let too_much = LaneError::TooMuch("the sums of the batch are too large to be added at once");
                *sum = (sum.0.checked_add(amount).ok_or(too_much)?, true);
            }
        }
        let keys = self.counted.keys.iter().zip(sums).filter(|(_, (_, met))| *met);
        let mut rows: Vec<_> =
            keys.map(|(key, (sum, _))| (key.clone(), self.topic.sums.amount_text(sum))).collect();
        rows.sort_unstable();
        Ok(rows)
    }
}
