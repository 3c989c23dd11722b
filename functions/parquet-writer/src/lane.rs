//! The lane: parks the records of a topic that cannot be stored, and appends the others to its table.

use dead_letters::{DeadLetters, ParkedRecord};
use faults::{Classified, FaultClass};
use function_kit::{KafkaLane, TopicSink, delivery::settle};
use kafka_batch::{BatchOutcome, PartitionRecords};
use lake::{FileEncoder, LakeError, Table};
use pipeline::{Pipeline, Sink};
use s3::{Client, S3Location, StoreError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::append::{AppendError, ToPark, TopicAppend};
use crate::decoded::TopicSchema;
use crate::settings::Settings;

/// The lane's name in the dead letters.
const LANE: &str = Sink::Lake.function();

/// Stores batches in Delta tables.
pub struct LakeSink {
    /// The S3 client of all tables.
    client: Client,
    /// The S3 location of all Delta tables.
    root: S3Location,
    /// Where records that cannot be stored are parked.
    dead_letters: DeadLetters,
}

/// The lane's state for one topic. It is kept between invocations, so that a warm append knows the table's
/// version.
pub struct LakeTopic {
    /// Decodes records, and has the table's columns.
    schema: TopicSchema,
    /// Encodes rows as Parquet files.
    encoder: FileEncoder,
    /// The fingerprint of the pipeline file's fields, for parked records.
    fingerprint: String,
    /// The writer of the Delta table. It remembers the newest version that it knows.
    table: Mutex<Table>,
}

/// Why a batch was not stored. The batch must be redelivered.
#[derive(Debug, thiserror::Error)]
pub enum StoringError {
    /// The schema of the pipeline file cannot be a Delta table's, or the positions could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The append failed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Records could not be parked, because S3 refused or failed.
    #[error("parking: {0}")]
    Parking(#[from] StoreError),
}

impl Classified for StoringError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Lake(error) => error.class(),
            Self::Append(error) => error.class(),
            Self::Parking(error) => error.class(),
        }
    }
}

/// Opens the lane for all topics that have a `lake` section. Creates the clients, but sends no request before the first
/// batch.
pub async fn open(settings: &Settings) -> KafkaLane<LakeSink> {
    let client = s3::client(&settings::sdk_config().await);
    let lake = LakeSink {
        client: client.clone(),
        root: settings.lake_root.clone(),
        dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
    };
    KafkaLane::new(lake, client, settings.pipelines.clone())
}

impl LakeSink {
    /// Parks records. Must be done before the append moves the positions past them.
    async fn park(
        &self,
        to_park: &[ToPark<'_>],
        fingerprint: &str,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        for ToPark { partition, incarnation, records } in to_park {
            let letter = |(record, reason): &(_, &str)| {
                ParkedRecord::of_kafka(LANE, (partition, *incarnation), record, reason, fingerprint)
            };
            let letters: Vec<_> = records.iter().map(letter).collect();
            self.dead_letters.park(partition, &letters, deadline).await?;
        }
        Ok(())
    }
}

impl TopicSink for LakeSink {
    type Topic = LakeTopic;
    type Error = StoringError;
    const NAME: &'static str = "the lake";

    /// Builds the topic's state if its pipeline file has a `lake` section.
    fn topic(&self, pipeline: &Pipeline) -> Result<Option<LakeTopic>, StoringError> {
        let Some(spec) = &pipeline.lake else { return Ok(None) };
        let schema = TopicSchema::new(pipeline, spec)?;
        let table = Table::new(self.client.clone(), self.root.join(&spec.path), schema.table().clone());
        Ok(Some(LakeTopic {
            encoder: FileEncoder::new(schema.table()),
            fingerprint: pipeline.schema_fingerprint(),
            table: Mutex::new(table),
            schema,
        }))
    }

    /// Parks the records that cannot be stored, then appends the new rows in one commit. If the positions
    /// have changed in between, both are repeated until `deadline`.
    async fn store(
        &self,
        topic: &LakeTopic,
        partitions: &[PartitionRecords<'_>],
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), StoringError> {
        let name = partitions.first().map(PartitionRecords::topic).unwrap_or_default();
        let decoded = topic
            .schema
            .decode(partitions)
            .map_err(|source| AppendError::Columns { topic: name.to_owned(), source })?;
        let mut table = topic.table.lock().await;
        let mut append = TopicAppend::new(&topic.schema, &topic.encoder, partitions, &decoded);
        // Most batches have nothing to park. Then the positions need not be read before the append.
        let mut must_park = append.has_poison();
        loop {
            if must_park {
                let to_park = append.to_park(table.app_versions(deadline).await?);
                self.park(&to_park, &topic.fingerprint, deadline).await?;
            }
            match table.append(&mut append, deadline).await {
                // The newest positions have further records to park, or they have changed since the records were
                // parked.
                Err(AppendError::Unparked { .. }) if Instant::now() < deadline => must_park = true,
                appended => {
                    appended?;
                    break;
                }
            }
        }
        outcome.count("ExtraFields", decoded.extra_fields);
        outcome.count("HolesForgotten", append.forgotten_holes());
        outcome.count("OffsetsSkipped", append.skipped_offsets());
        settle(outcome, partitions, append.results());
        Ok(())
    }
}
