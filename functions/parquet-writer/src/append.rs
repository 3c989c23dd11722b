//! A topic's part of a batch as an append to its table: what is new, the positions it leaves, its files.

use std::collections::HashSet;

use arrow_array::UInt32Array;
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;
use faults::{Classified, FaultClass};
use kafka_batch::{PartitionRecords, RecordRef, Tally};
use lake::{AppVersions, Append, FileEncoder, LakeError, PartitionFile, Plan};
use positions::{Arrival, Handled, TopicRecreated, app_id, changed_app_versions, position_from_app_versions};

use crate::decoded::{Decoded, Fate, TopicSchema};

/// Why a batch could not be appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The table or S3 failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Arrow refused the columns: a defect.
    #[error("{topic}: columns: {source}")]
    Columns {
        /// The topic.
        topic: String,
        /// Arrow's reason.
        source: ArrowError,
    },
    /// A record that must be parked first became new to the table in the meantime.
    #[error("{topic}/{partition}: the position moved back while the batch was stored")]
    MovedBack {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

impl Classified for AppendError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Lake(error) => error.class(),
            Self::Columns { .. } => FaultClass::Configuration,
            Self::MovedBack { .. } => FaultClass::Retryable,
        }
    }
}

/// One append.
#[derive(Debug)]
pub struct TopicAppend<'a> {
    schema: &'a TopicSchema,
    encoder: &'a FileEncoder,
    partitions: &'a [PartitionRecords<'a>],
    decoded: &'a Decoded,
    parked: HashSet<(usize, usize)>,
    results: Vec<Result<Tally, TopicRecreated>>,
    forgotten_holes: u64,
}

fn arrival(record: &RecordRef<'_>) -> Arrival {
    Arrival { offset: record.offset(), timestamp_ms: record.timestamp_ms() }
}

impl<'a> TopicAppend<'a> {
    /// An append of `decoded`, which was made of `partitions`.
    #[must_use]
    pub fn new(
        schema: &'a TopicSchema,
        encoder: &'a FileEncoder,
        partitions: &'a [PartitionRecords<'a>],
        decoded: &'a Decoded,
    ) -> Self {
        Self {
            schema,
            encoder,
            partitions,
            decoded,
            parked: HashSet::new(),
            results: Vec::new(),
            forgotten_holes: 0,
        }
    }

    /// Whether any record cannot be stored.
    #[must_use]
    pub fn has_poison(&self) -> bool {
        self.decoded.fates.iter().flatten().any(|fate| matches!(fate, Fate::Poison(_)))
    }

    /// Takes note of the poison that is new with respect to `apps`, and returns it by partition: it must be parked
    /// before the append.
    pub fn poison_to_park(
        &mut self,
        apps: &AppVersions,
    ) -> Vec<(PartitionRecords<'a>, Vec<(RecordRef<'a>, &'a str)>)> {
        let mut all = Vec::new();
        for (number, partition) in self.partitions.iter().enumerate() {
            let position = self.position(*partition, apps);
            let mut poison = Vec::new();
            for (index, fate) in self.decoded.fates[number].iter().enumerate() {
                let record = partition.get(index);
                if let Fate::Poison(reason) = fate
                    && position.is_open(record.offset())
                {
                    self.parked.insert((number, index));
                    poison.push((record, reason.0.as_str()));
                }
            }
            all.push((*partition, poison));
        }
        all
    }

    /// For each partition what became of its records in the last plan, or that its topic was created anew.
    pub fn results(&self) -> &[Result<Tally, TopicRecreated>] {
        &self.results
    }

    /// Holes that had to be forgotten in the last plan.
    #[must_use]
    pub fn forgotten_holes(&self) -> u64 {
        self.forgotten_holes
    }

    fn position(&self, partition: PartitionRecords<'_>, apps: &AppVersions) -> positions::Position {
        let id = app_id(self.schema.consumer_group(), partition.topic(), partition.partition());
        let offsets = partition.iter().map(|record| record.offset());
        position_from_app_versions(&id, offsets, |id| apps.get(id))
    }

    /// One file of `folder` with these rows.
    fn file(&self, folder: &[Option<String>], rows: Vec<u32>) -> Result<PartitionFile, AppendError> {
        if rows.len() == self.decoded.rows.num_rows() {
            return Ok(self.encoder.encode(folder.to_vec(), &self.decoded.rows)?);
        }
        let taken = take_record_batch(&self.decoded.rows, &UInt32Array::from(rows));
        let taken = taken.map_err(|source| {
            let topic = self.partitions.first().map(PartitionRecords::topic).unwrap_or_default();
            AppendError::Columns { topic: topic.to_owned(), source }
        })?;
        Ok(self.encoder.encode(folder.to_vec(), &taken)?)
    }
}

impl Append for TopicAppend<'_> {
    /// The numbers of the rows that are new.
    type Accepted = Vec<u32>;
    type Error = AppendError;

    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<Self::Accepted>>, AppendError> {
        let (mut rows, mut app_versions) = (Vec::with_capacity(self.decoded.rows.num_rows()), Vec::new());
        self.results.clear();
        self.forgotten_holes = 0;
        for (number, partition) in self.partitions.iter().enumerate() {
            let id = app_id(self.schema.consumer_group(), partition.topic(), partition.partition());
            let before = self.position(*partition, apps);
            let accepted = match before.accept(partition.iter().map(|record| arrival(&record))) {
                Ok(accepted) => accepted,
                Err(recreated) => {
                    self.results.push(Err(recreated));
                    continue;
                }
            };
            let mut tally = Tally { duplicates: accepted.duplicates, ..Tally::default() };
            let mut handled = Vec::with_capacity(accepted.indices.len());
            for index in accepted.indices {
                let Arrival { offset, timestamp_ms } = arrival(&partition.get(index));
                let parked = match self.decoded.fates[number][index] {
                    Fate::Row(row) => {
                        rows.push(row);
                        tally.stored += 1;
                        false
                    }
                    Fate::Poison(_) if self.parked.contains(&(number, index)) => {
                        tally.parked += 1;
                        true
                    }
                    Fate::Poison(_) => {
                        let (topic, partition) = (partition.topic().to_owned(), partition.partition());
                        return Err(AppendError::MovedBack { topic, partition });
                    }
                };
                handled.push(Handled { offset, timestamp_ms, parked });
            }
            self.results.push(Ok(tally));
            if handled.is_empty() {
                continue;
            }
            let mut after = before.clone();
            self.forgotten_holes += after.advance(handled) as u64;
            app_versions.extend(changed_app_versions(&id, &before, &after, |id| apps.get(id)));
        }
        let nothing_new = rows.is_empty() && app_versions.is_empty();
        Ok((!nothing_new).then_some(Plan { accepted: rows, app_versions }))
    }

    fn files(
        &mut self,
        accepted: &Self::Accepted,
    ) -> impl Iterator<Item = Result<PartitionFile, AppendError>> + Send {
        let append = &*self;
        let cut = append.decoded.by_folder(accepted);
        cut.into_iter().map(move |(folder, rows)| append.file(folder, rows))
    }
}
