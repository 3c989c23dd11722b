//! The append of a topic's records to its Delta table: which records are new, the new positions, and the files.

use std::collections::HashSet;

use arrow_array::UInt32Array;
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;
use faults::{Classified, FaultClass};
use function_kit::delivery::{Settled, accept, advance};
use kafka_batch::{PartitionRecords, RecordRef, Tally};
use lake::{AppVersions, Append, FileEncoder, LakeError, PartitionFile, Plan};
use lake::{app_id, changed_app_versions, position_from_app_versions};
use positions::{Accepted, Handled, Position, TopicRecreated, UNCERTAIN};

use crate::decoded::{DecodedColumns, RecordResult, TopicSchema};

/// Why a batch could not be appended. The batch must be redelivered.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The Delta table or S3 failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Arrow refused the columns. This is a bug.
    #[error("{topic}: columns: {source}")]
    Columns {
        /// The topic's name.
        topic: String,
        /// The error of Arrow.
        source: ArrowError,
    },
    /// A record that must be parked before the append was not parked, because the position has changed since. The next
    /// attempt parks it.
    #[error("{topic}/{partition}: the position moved back while the batch was stored")]
    Unparked {
        /// The topic's name.
        topic: String,
        /// The partition's number.
        partition: i32,
    },
}

impl Classified for AppendError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Lake(error) => error.class(),
            Self::Columns { .. } => FaultClass::Configuration,
            Self::Unparked { .. } => FaultClass::Retryable,
        }
    }
}

/// One append of a topic's records.
#[derive(Debug)]
pub struct TopicAppend<'a> {
    /// The columns of the topic's table.
    schema: &'a TopicSchema,
    /// The encoder of the data files.
    encoder: &'a FileEncoder,
    /// The records of the batch, all of one topic.
    partitions: &'a [PartitionRecords<'a>],
    /// The decode results of `partitions`.
    decoded: &'a DecodedColumns,
    /// The records that were parked before the append: index of the partition, index of the record, and incarnation of
    /// the position.
    parked: HashSet<(usize, usize, i64)>,
    /// The result of the last plan for each partition.
    results: Vec<Result<Settled, TopicRecreated>>,
    /// The number of holes that the last plan dropped.
    forgotten_holes: u64,
    /// The number of offsets that the last plan skipped.
    skipped_offsets: u64,
}

/// The records of one partition that must be parked before the append.
#[derive(Debug)]
pub struct ToPark<'a> {
    /// The partition of the records.
    pub partition: PartitionRecords<'a>,
    /// The incarnation of the partition's position.
    pub incarnation: i64,
    /// The records, each with the reason.
    pub records: Vec<(RecordRef<'a>, &'a str)>,
}

impl<'a> TopicAppend<'a> {
    /// Creates an append. `decoded` must come from `partitions`.
    #[must_use]
    pub fn new(
        schema: &'a TopicSchema,
        encoder: &'a FileEncoder,
        partitions: &'a [PartitionRecords<'a>],
        decoded: &'a DecodedColumns,
    ) -> Self {
        Self {
            schema,
            encoder,
            partitions,
            decoded,
            parked: HashSet::new(),
            results: Vec::new(),
            forgotten_holes: 0,
            skipped_offsets: 0,
        }
    }

    /// Whether a record cannot be decoded. It must be parked before the append, unless an earlier delivery has parked
    /// it.
    #[must_use]
    pub fn has_poison(&self) -> bool {
        self.decoded.results.iter().flatten().any(|result| matches!(result, RecordResult::Poison(_)))
    }

    /// Returns the new records that cannot be stored, by partition. "New" is relative to the positions in `apps`. The
    /// caller must park them; the append counts them as parked from now on.
    pub fn to_park(&mut self, apps: &AppVersions) -> Vec<ToPark<'a>> {
        let mut all = Vec::new();
        for (number, partition) in self.partitions.iter().enumerate() {
            let position = self.position(*partition, apps);
            // A recreated topic is reported by the plan.
            let Ok(accepted) = accept(partition, partition.len(), &position) else { continue };
            let mut records = Vec::new();
            for (index, reason) in self.unstorable(number, &accepted) {
                self.parked.insert((number, index, position.incarnation));
                records.push((partition.get(index), reason));
            }
            if !records.is_empty() {
                all.push(ToPark { partition: *partition, incarnation: position.incarnation, records });
            }
        }
        all
    }

    /// The accepted records of one partition that cannot be stored, in order, each with the reason.
    fn unstorable(&self, number: usize, accepted: &Accepted) -> Vec<(usize, &'a str)> {
        let poison =
            accepted.indices.iter().filter_map(|&index| match &self.decoded.results[number][index] {
                RecordResult::Row(_) => None,
                RecordResult::Poison(reason) => Some((index, reason.0.as_str())),
            });
        let mut records: Vec<_> =
            poison.chain(accepted.uncertain.iter().map(|&index| (index, UNCERTAIN))).collect();
        records.sort_unstable_by_key(|(index, _)| *index);
        records
    }

    /// The result of the last plan for each partition, or the discovery that its topic was recreated.
    pub fn results(&self) -> &[Result<Settled, TopicRecreated>] {
        &self.results
    }

    /// The number of holes that the last plan dropped.
    #[must_use]
    pub fn forgotten_holes(&self) -> u64 {
        self.forgotten_holes
    }

    /// The number of offsets between the old watermarks and the first new records, in the last plan.
    #[must_use]
    pub fn skipped_offsets(&self) -> u64 {
        self.skipped_offsets
    }

    /// The app id of the group's watermark in this partition.
    fn app_id(&self, partition: PartitionRecords<'_>) -> String {
        app_id(self.schema.consumer_group(), partition.topic(), partition.partition())
    }

    /// The group's position in this partition, from the table's app versions.
    fn position(&self, partition: PartitionRecords<'_>, apps: &AppVersions) -> Position {
        position_from_app_versions(&self.app_id(partition), apps.as_map())
    }

    /// Splits one partition's accepted records. Returns the rows to store, and all records with whether they
    /// are parked.
    ///
    /// # Errors
    /// [`AppendError::Unparked`] if a record must be parked and was not parked for this incarnation of the
    /// position.
    fn sort_out(
        &self,
        number: usize,
        incarnation: i64,
        accepted: &Accepted,
    ) -> Result<(Vec<u32>, Vec<Handled>), AppendError> {
        let partition = &self.partitions[number];
        let (mut rows, mut handled) = (Vec::with_capacity(accepted.indices.len()), Vec::new());
        handled.reserve(accepted.indices.len() + accepted.uncertain.len());
        for &index in &accepted.indices {
            let parked = match self.decoded.results[number][index] {
                RecordResult::Row(row) => {
                    rows.push(row);
                    false
                }
                RecordResult::Poison(_) => true,
            };
            handled.push(Handled { index, offset: partition.get(index).offset(), parked });
        }
        if !accepted.uncertain.is_empty() {
            let uncertain = accepted.uncertain.iter();
            handled.extend(uncertain.map(|&index| Handled {
                index,
                offset: partition.get(index).offset(),
                parked: true,
            }));
            handled.sort_unstable_by_key(|record| record.index);
        }
        if handled.iter().any(|h| h.parked && !self.parked.contains(&(number, h.index, incarnation))) {
            let (topic, partition) = (partition.topic().to_owned(), partition.partition());
            return Err(AppendError::Unparked { topic, partition });
        }
        Ok((rows, handled))
    }

    /// Encodes these rows as one file with the partition values in `folder`. If they are all rows of the
    /// batch, the columns are not copied.
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
    /// The indexes of the new rows in [`DecodedColumns::rows`].
    type Accepted = Vec<u32>;
    type Error = AppendError;

    /// Decides which records are new by the positions in `apps`, and computes the new positions. Fails if a record must
    /// be parked first.
    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<Self::Accepted>>, AppendError> {
        let (mut rows, mut app_versions) = (Vec::with_capacity(self.decoded.rows.num_rows()), Vec::new());
        self.results.clear();
        self.forgotten_holes = 0;
        self.skipped_offsets = 0;
        for (number, partition) in self.partitions.iter().enumerate() {
            let before = self.position(*partition, apps);
            let accepted = match accept(partition, partition.len(), &before) {
                Ok(accepted) => accepted,
                Err(recreated) => {
                    let after = before.of_recreated_topic(&recreated);
                    let id = self.app_id(*partition);
                    app_versions.extend(changed_app_versions(&id, &before, &after, apps.as_map()));
                    self.results.push(Err(recreated));
                    continue;
                }
            };
            let (new, handled) = self.sort_out(number, before.incarnation, &accepted)?;
            let parked = (handled.len() - new.len()) as u64;
            let tally = Tally { stored: new.len() as u64, parked, duplicates: accepted.duplicates };
            let refused =
                accepted.refused.iter().map(|(index, why)| (partition.get(*index).offset(), *why)).collect();
            self.results.push(Ok(Settled { tally, refused }));
            rows.extend(new);
            let mut after = before.clone();
            self.forgotten_holes += advance(partition, partition.len(), &mut after, &handled) as u64;
            self.skipped_offsets += after.skipped_since(&before);
            if after != before {
                let id = self.app_id(*partition);
                app_versions.extend(changed_app_versions(&id, &before, &after, apps.as_map()));
            }
        }
        let nothing_new = rows.is_empty() && app_versions.is_empty();
        Ok((!nothing_new).then_some(Plan { accepted: rows, app_versions }))
    }

    /// One file per combination of partition values.
    fn files(
        &mut self,
        accepted: &Self::Accepted,
    ) -> impl Iterator<Item = Result<PartitionFile, AppendError>> + Send {
        let append = &*self;
        let cut = append.decoded.by_folder(accepted);
        cut.into_iter().map(move |(folder, rows)| append.file(folder, rows))
    }
}
