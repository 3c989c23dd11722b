//! Reads one object and stores its rows. The object is read in stretches; the rows of a stretch and the position in the
//! object are stored together.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use dead_letters::{DeadLetters, ObjectReading};
use faults::{Classified, FaultClass};
use function_kit::object_lane::{Counts, Ending, patience};
use function_kit::serve::Failure;
use object_reader::{ObjectElements, ObjectSource, ReadError, json_array::Position};
use s3::{ObjectVersion, StoreError};
use tokio::time::Instant;
use warehouse::registry::{self, RegistryEntry, State};
use warehouse::search::{Found, Storable, search};
use warehouse::{Client, WarehouseError};

use crate::chunk::Origin;
use crate::rows::RowDecoder;
use crate::stretch::{LANE, Rows, SourceObject, Stretch};

/// A damaged object of up to this size is parked with its content. Of a larger object only the reason is parked.
const KEPT_WHOLE: u64 = 256 << 10;
/// No stretch is started if less time than this is left, because it could not be stored in time.
const TOO_LATE: Duration = Duration::from_secs(2);

/// An object could not be read to its end, or its rows could not be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    /// The object could not be read, or it changed during the read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// S3 failed, for the object's version or for a dead letter.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Postgres failed, or refused rows.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The registry has another position than this reading stored.
    #[error("another invocation read the object at the same time")]
    Moved,
    /// The object was requested with `force`, and it neither exists nor is listed.
    #[error("the object does not exist")]
    Missing,
    #[error(
        "{list} has {bytes} bytes, more than a list of files may have: remove the keys of files that were read"
    )]
    /// The list of files is too large for the memory.
    ListTooLong { list: String, bytes: u64 },
}

impl Classified for IngestError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Read(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Warehouse(error) => error.class(),
            Self::Moved => FaultClass::Retryable,
            Self::Missing => FaultClass::Poison,
            Self::ListTooLong { .. } => FaultClass::Configuration,
        }
    }
}

impl IngestError {
    /// Whether S3 or the web server failed to deliver the object in the object's share of the time.
    pub(crate) fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Read(ReadError::Store(_)))
    }

    /// Whether the object changed during the read, or another invocation read it at the same time.
    pub(crate) fn is_of_object(&self) -> bool {
        matches!(self, Self::Moved | Self::Read(ReadError::Changed))
    }

    /// Whether Postgres refused the statement because of single rows.
    fn is_unholdable(&self) -> bool {
        matches!(self, Self::Warehouse(error) if error.is_unholdable())
    }
}

/// The clients and settings for reading objects.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The bucket or web server with the files.
    pub(crate) source: ObjectSource,
    /// The bucket's name, or the base URL.
    pub(crate) bucket: String,
    pub(crate) decoder: RowDecoder,
    pub(crate) dead_letters: DeadLetters,
    /// How long after its last write a damaged object counts as final.
    pub(crate) settle: Duration,
    /// The largest size of decompressed content, in bytes.
    pub(crate) largest_expanded: u64,
}

/// Reads one object, over one database connection.
pub(crate) struct Reading<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) client: &'a Client,
    pub(crate) key: &'a str,
    pub(crate) deadline: Instant,
}

/// Why the object is not a complete array; `None` if it is complete.
type Damage = Option<String>;

impl Reading<'_> {
    /// Reads the part of the object that was not read yet. Returns `None` if the object does not exist.
    ///
    /// `begun` is the number of the reading that this invocation started. With `force`, a version is read
    /// again from the start, but only once per invocation.
    ///
    /// The result is `Failed` (retryable) if the time is over, and `Unsettled` if the object is damaged and
    /// was written recently. The stretches before that are stored.
    ///
    /// # Errors
    /// [`IngestError`] if a stretch could not be read, parked or stored. Earlier stretches stay stored.
    pub(crate) async fn run(
        &self,
        force: bool,
        begun: &mut Option<i64>,
    ) -> Result<Option<Ending>, IngestError> {
        let Some(version) = self.tools.source.head(self.key, patience(self.deadline)).await? else {
            return Ok(None);
        };
        let found = registry::find(self.client, &self.tools.bucket, &[self.key], false).await?;
        let before = found.get(self.key);
        let again = force && before.map(|entry| entry.reading) != *begun;
        let mut entry = match before {
            Some(entry) if entry.version == version.tag && !again => {
                if entry.state != State::Unfinished {
                    return Ok(Some(Ending::Done([("ObjectsUnchanged", 1)].into())));
                }
                entry.clone()
            }
            before => RegistryEntry::begin(before, &version.tag, version.modified),
        };
        *begun = Some(entry.reading);
        let mut stored = before.map(|entry| (entry.reading, entry.next));
        let mut counts = Counts::new();
        let (element, byte) = entry.next;
        let position = Position { element: element.unsigned_abs(), byte: byte.unsigned_abs() };
        let (source, largest) = (&self.tools.source, self.tools.largest_expanded);
        let mut elements =
            ObjectElements::open(source, self.key, &version, position, largest, self.deadline).await?;
        loop {
            if Instant::now() + TOO_LATE > self.deadline {
                let (elements, _) = entry.next;
                let message = format!(
                    "out of time after {elements} elements, which are stored; the next attempt continues from there"
                );
                return Ok(Some(Ending::Failed(Failure::new(FaultClass::Retryable, message))));
            }
            let (mut stretch, end) = self.next_stretch(&mut elements, &version).await?;
            if let Some(Some(_)) = &end
                && let Some(left) = version.unsettled(self.tools.settle)
            {
                return Ok(Some(Ending::Unsettled(left)));
            }
            entry.next = stored_position(elements.position());
            entry.rows_good += stretch.good;
            entry.rows_ignored += stretch.ignored;
            entry.rows_parked += stretch.rows_parked();
            if let Some(damage) = &end {
                entry.state = if damage.is_some() { State::Parked } else { State::Processed };
                entry.reason.clone_from(damage);
            }
            self.park(&entry, &stretch, &version).await?;
            self.store_what_can_be(&mut entry, stored, &mut stretch, &version).await?;
            stored = Some((entry.reading, entry.next));
            count(&mut counts, &stretch);
            if end.is_some() {
                let name = if entry.state == State::Parked { "ObjectsParked" } else { "ObjectsProcessed" };
                counts.insert(name, 1);
                return Ok(Some(Ending::Done(counts)));
            }
        }
    }

    /// Reads the next stretch. If the object ends in it, also returns whether the object was a complete array.
    async fn next_stretch(
        &self,
        elements: &mut ObjectElements,
        version: &ObjectVersion,
    ) -> Result<(Stretch, Option<Damage>), ReadError> {
        let place = self.place(version);
        let mut stretch = Stretch::default();
        while stretch.has_room() {
            match elements.next_piece() {
                Ok(Some(piece)) => stretch.take(&self.tools.decoder, place, piece),
                Ok(None) => {
                    if let Some(end) = elements.feed().await? {
                        return Ok((stretch, Some(end.err().map(|bad| bad.to_string()))));
                    }
                }
                Err(damage) => return Ok((stretch, Some(Some(damage.to_string())))),
            }
        }
        Ok((stretch, None))
    }

    /// The object as parked records name it.
    fn place(&self, version: &ObjectVersion) -> SourceObject<'_> {
        SourceObject {
            bucket: &self.tools.bucket,
            key: self.key,
            modified_ms: version.modified.timestamp_millis(),
        }
    }

    /// Parks the stretch's bad elements and, if the object is damaged, the object itself. At the end of the
    /// object, deletes the records that earlier readings parked. This happens before the registry's position
    /// moves past the stretch.
    ///
    /// # Errors
    /// [`IngestError::Store`] if S3 fails; the stretch is then not stored.
    async fn park(
        &self,
        entry: &RegistryEntry,
        stretch: &Stretch,
        version: &ObjectVersion,
    ) -> Result<(), IngestError> {
        let letters = &self.tools.dead_letters;
        let reading = self.reading(entry);
        letters.park_of_object(&reading, &stretch.parked, self.deadline).await?;
        if let Some(reason) = &entry.reason {
            let whole = self.whole(version).await?;
            let record = self.place(version).parked(None, whole.as_deref(), reason);
            letters.park_of_object(&reading, &[record], self.deadline).await?;
        }
        if entry.state != State::Unfinished && entry.reading > 1 {
            letters.forget_earlier(&reading, self.deadline).await?;
        }
        Ok(())
    }

    /// The object's content, or `None` if it is larger than [`KEPT_WHOLE`].
    async fn whole(&self, version: &ObjectVersion) -> Result<Option<Bytes>, ReadError> {
        if version.size > KEPT_WHOLE {
            return Ok(None);
        }
        let reader = self.tools.source.read(self.key, version, 0, self.deadline);
        Ok(Some(reader.rest().await?.into()))
    }

    /// Stores the stretch. If Postgres refuses single rows, searches for them, parks them, and stores the
    /// others. `entry` is the object's new registry entry; its counts of rows are corrected for the refused
    /// ones.
    async fn store_what_can_be(
        &self,
        entry: &mut RegistryEntry,
        before: Before,
        stretch: &mut Stretch,
        version: &ObjectVersion,
    ) -> Result<(), IngestError> {
        match self.store(entry, before, stretch, &[stretch.indices()]).await {
            Err(error) if error.is_unholdable() => {}
            done => return done,
        }
        let object = self.tools.source.address(self.key);
        let rows = Rows { stretch, origin: origin(entry, &object) };
        let Found { refused, runs, .. } =
            search(self.client, &rows, &stretch.indices(), self.deadline, self.deadline).await?;
        let records = stretch.refuse(refused, self.place(version));
        let number = i64::try_from(records.len()).unwrap_or(i64::MAX);
        entry.rows_good -= number;
        entry.rows_parked += number;
        let letters = &self.tools.dead_letters;
        letters.park_of_object(&self.reading(entry), &records, self.deadline).await?;
        match self.store(entry, before, stretch, &[stretch.indices()]).await {
            // Postgres accepted these rows in smaller statements during the search, but refuses them in one statement.
            Err(error) if error.is_unholdable() => self.store(entry, before, stretch, &runs).await,
            done => done,
        }
    }

    /// Stores the rows of each run and the new position in one transaction, and rolls it back after an error.
    ///
    /// # Errors
    /// [`IngestError::Moved`] if the registry does not hold `before`, because another invocation read the object.
    async fn store(
        &self,
        entry: &RegistryEntry,
        before: Before,
        stretch: &Stretch,
        runs: &[Vec<i64>],
    ) -> Result<(), IngestError> {
        let stored = self.transaction(entry, before, stretch, runs).await;
        if stored.is_err() {
            let failed = WarehouseError::statement("take back a stretch of an object");
            self.client.batch_execute("ROLLBACK").await.map_err(failed)?;
        }
        stored
    }

    /// The transaction of [`Self::store`], without the rollback. The registry's row is locked before rows are
    /// stored.
    ///
    /// # Errors
    /// [`IngestError::Moved`] if the registry does not hold `before`; [`IngestError::Warehouse`] if a
    /// statement failed. The transaction is then still open.
    async fn transaction(
        &self,
        entry: &RegistryEntry,
        before: Before,
        stretch: &Stretch,
        runs: &[Vec<i64>],
    ) -> Result<(), IngestError> {
        let (client, bucket) = (self.client, self.tools.bucket.as_str());
        let failed = WarehouseError::statement("store a stretch of an object");
        warehouse::begin(client, self.deadline).await.map_err(&failed)?;
        let found = registry::find(client, bucket, &[self.key], true).await?;
        if found.get(self.key).map(|found| (found.reading, found.next)) != before {
            return Err(IngestError::Moved);
        }
        let object = self.tools.source.address(self.key);
        let rows = Rows { stretch, origin: origin(entry, &object) };
        for run in runs {
            rows.store(client, run).await?;
        }
        let entries = BTreeMap::from([(self.key.to_owned(), entry.clone())]);
        registry::save(client, LANE, bucket, &entries).await?;
        client.batch_execute("COMMIT").await.map_err(&failed)?;
        Ok(())
    }

    /// The reading of the object, as dead letters name it.
    fn reading(&self, entry: &RegistryEntry) -> ObjectReading<'_> {
        ObjectReading { lane: LANE, bucket: &self.tools.bucket, key: self.key, reading: entry.reading }
    }
}

/// The number of the reading and the position (element, byte) in the registry; `None` for an unknown object.
type Before = Option<(i64, (i64, i64))>;

/// The origin of the rows, for the columns `source_…` of the tables.
fn origin<'a>(entry: &RegistryEntry, object: &'a str) -> Origin<'a> {
    Origin { object, modified: entry.modified, reading: entry.reading }
}

/// Adds the stretch to the counts for metrics.
fn count(counts: &mut Counts, stretch: &Stretch) {
    for (name, number) in [
        ("RowsStored", stretch.good),
        ("RowsIgnored", stretch.ignored),
        ("RecordsParked", stretch.rows_parked()),
        ("ExtraFields", i64::try_from(stretch.extra_fields).unwrap_or(i64::MAX)),
    ] {
        *counts.entry(name).or_default() += number.unsigned_abs();
    }
}

/// Converts a position to the registry's integers (element, byte).
fn stored_position(position: Position) -> (i64, i64) {
    (i64::try_from(position.element).unwrap_or(i64::MAX), i64::try_from(position.byte).unwrap_or(i64::MAX))
}
