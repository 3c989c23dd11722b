//! The lane: keys, in any order and any number of times, many of them in one transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use dead_letters::{DeadLetters, ObjectReading, ParkedRecord};
use faults::FaultClass;
use function_kit::object_lane::{Counts, Ending, Found, Handled, ObjectLane};
use function_kit::serve::Failure;
use futures::{StreamExt, stream};
use objects::{ObjectStore, ObjectVersion, S3Location, StoreError};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use warehouse::registry::{self, Entry, State};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::batch::Batch;
use crate::event::{EventDecoder, InboxEvent, NO_USER};
use crate::settings::Settings;

/// The name under which this function parks.
const LANE: &str = "inbox-etl";
/// Objects of one transaction.
const MOST: usize = 500;
/// Requests to S3 at a time.
const AT_A_TIME: usize = 16;
/// An event has some hundred bytes; what is larger than this is none.
const LONGEST: u64 = 1 << 20;
/// A batch that is begun with less time than this left would only be thrown away.
const TOO_LATE: Duration = Duration::from_secs(2);

/// Stores events.
pub struct InboxLane {
    inbox: ObjectStore,
    prefix: String,
    warehouse: Warehouse,
    dead_letters: DeadLetters,
    decoder: EventDecoder,
    settle: Duration,
}

/// What an object turned out to be.
enum Look {
    /// An event, at this version. The number is that of its unknown fields.
    Event(ObjectVersion, Bytes, InboxEvent, u32),
    /// What is no event, for this reason.
    Poison(ObjectVersion, Option<Bytes>, String),
    /// Damaged and young.
    Unsettled(Duration),
    /// Deleted, or read in this version before.
    Nothing(&'static str),
}

impl InboxLane {
    /// Makes the clients; no request is sent before the first event.
    pub async fn open(settings: &Settings) -> Self {
        let client = objects::client(&function_kit::aws::sdk_config().await);
        let prefix = settings.inbox.prefix();
        Self {
            inbox: ObjectStore::new(client.clone(), settings.inbox.root()),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            warehouse: Warehouse::new(settings.database.clone()),
            dead_letters: DeadLetters::new(client, settings.parked_root.clone()),
            decoder: EventDecoder::default(),
            settle: settings.settle,
        }
    }

    fn root(&self) -> &S3Location {
        self.inbox.location()
    }

    async fn entries(
        &self,
        keys: &[&str],
        deadline: Instant,
    ) -> Result<BTreeMap<String, Entry>, WarehouseError> {
        let bucket = self.root().bucket();
        let run = self.warehouse.run("look for processed objects", deadline, async |client: &Client| {
            registry::find(client, bucket, keys, false).await
        });
        Box::pin(run).await
    }

    async fn look(
        &self,
        key: &str,
        before: Option<&Entry>,
        force: bool,
        deadline: Instant,
    ) -> Result<Look, StoreError> {
        let Some((version, bytes)) = self.inbox.read(key, LONGEST, deadline).await? else {
            return Ok(Look::Nothing("ObjectsGone"));
        };
        if !force && before.is_some_and(|before| before.version == version.tag) {
            return Ok(Look::Nothing("ObjectsUnchanged"));
        }
        let Some(bytes) = bytes else {
            let reason = format!("the object has {} bytes, more than an event has", version.size);
            return Ok(Look::Poison(version, None, reason));
        };
        match self.decoder.decode(&bytes) {
            Ok((event, extra)) => Ok(Look::Event(version, bytes, event, extra)),
            Err(poison) => {
                // Whole JSON is what its writer meant to write, whatever it holds.
                let whole = serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
                if !whole && let Some(left) = version.unsettled(self.settle) {
                    return Ok(Look::Unsettled(left));
                }
                Ok(Look::Poison(version, Some(bytes), poison.to_string()))
            }
        }
    }

    /// Handles as many objects as one transaction takes.
    async fn batch(&self, keys: &[&str], force: bool, deadline: Instant) -> Result<Vec<Handled>, Failure> {
        let before = self.entries(keys, deadline).await?;
        let looks: Vec<(&str, Result<Look, StoreError>)> = stream::iter(keys.iter().copied())
            .map(async |key| (key, self.look(key, before.get(key), force, deadline).await))
            .buffered(AT_A_TIME)
            .collect()
            .await;
        let mut work = Work::default();
        for (key, look) in looks {
            work.take(key, look, before.get(key), self.root().bucket());
        }
        // Before the registry moves past them.
        let letters: Vec<Result<(), StoreError>> = stream::iter(&work.entries)
            .map(async |(key, entry)| self.park(key, entry, work.letters.get(key), deadline).await)
            .buffered(AT_A_TIME)
            .collect()
            .await;
        letters.into_iter().collect::<Result<(), _>>()?;
        if !work.entries.is_empty() {
            let bucket = self.root().bucket();
            let work = &work;
            let run = self.warehouse.run("store events", deadline, async |client: &Client| {
                let failed = WarehouseError::statement("store events");
                warehouse::begin(client, deadline).await.map_err(&failed)?;
                registry::save(client, LANE, bucket, &work.entries).await?;
                work.rows.store(client, bucket).await?;
                client.batch_execute("COMMIT").await.map_err(&failed)
            });
            Box::pin(run).await?;
        }
        Ok(work.handled)
    }

    async fn park(
        &self,
        key: &str,
        entry: &Entry,
        letter: Option<&ParkedRecord>,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let reading = ObjectReading { lane: LANE, bucket: self.root().bucket(), key, reading: entry.reading };
        self.dead_letters
            .park_of_object(&reading, letter.map(std::slice::from_ref).unwrap_or_default(), deadline)
            .await?;
        if entry.reading > 1 {
            self.dead_letters.forget_earlier(&reading, deadline).await?;
        }
        Ok(())
    }
}

/// What a batch of objects comes to.
#[derive(Default)]
struct Work {
    rows: Batch,
    entries: BTreeMap<String, Entry>,
    letters: BTreeMap<String, ParkedRecord>,
    handled: Vec<Handled>,
}

impl Work {
    fn take(&mut self, key: &str, look: Result<Look, StoreError>, before: Option<&Entry>, bucket: &str) {
        let ending = match look {
            Ok(Look::Nothing(name)) => Ending::Done([(name, 1)].into()),
            Ok(Look::Unsettled(left)) => Ending::Unsettled(left),
            Err(error) => Ending::Failed(error.into()),
            Ok(Look::Poison(version, bytes, reason)) => {
                self.parked(key, &version, bytes.as_deref(), &reason, before, bucket)
            }
            Ok(Look::Event(version, bytes, event, extra)) => {
                let mut counts = Counts::from([("ExtraFields", u64::from(extra))]);
                let orphan = matches!(event, InboxEvent::Orphan(_));
                self.rows.add(event, key);
                if orphan {
                    self.parked(key, &version, Some(&bytes), NO_USER, before, bucket)
                } else {
                    let entry = Entry { state: State::Processed, rows_good: 1, ..begun(before, &version) };
                    self.entries.insert(key.to_owned(), entry);
                    counts.extend([("ObjectsProcessed", 1), ("RowsStored", 1)]);
                    Ending::Done(counts)
                }
            }
        };
        self.handled.push(Handled { key: key.to_owned(), ending });
    }

    fn parked(
        &mut self,
        key: &str,
        version: &ObjectVersion,
        bytes: Option<&[u8]>,
        reason: &str,
        before: Option<&Entry>,
        bucket: &str,
    ) -> Ending {
        let entry = Entry {
            state: State::Parked,
            rows_parked: 1,
            reason: Some(reason.to_owned()),
            ..begun(before, version)
        };
        let modified = version.modified.timestamp_millis();
        let letter = ParkedRecord::of_object(LANE, (bucket, key, None), bytes, reason, modified);
        self.entries.insert(key.to_owned(), entry);
        self.letters.insert(key.to_owned(), letter);
        Ending::Done([("ObjectsParked", 1), ("RecordsParked", 1)].into())
    }
}

/// An object is one row, read at once.
fn begun(before: Option<&Entry>, version: &ObjectVersion) -> Entry {
    let size = i64::try_from(version.size).unwrap_or(i64::MAX);
    Entry { next: (1, size), ..Entry::begin(before, &version.tag, version.modified) }
}

impl ObjectLane for InboxLane {
    fn bucket(&self) -> Option<&str> {
        Some(self.root().bucket())
    }

    async fn handle(&self, keys: &[String], force: bool, deadline: Instant) -> Vec<Handled> {
        let mut handled = Vec::with_capacity(keys.len());
        // What lies beside the inbox is none of its events, and the slash marks a folder in a browser's view of a bucket.
        let is_event = |key: &&str| key.starts_with(&self.prefix) && !key.ends_with('/');
        let (events, others): (Vec<&str>, Vec<&str>) = keys.iter().map(String::as_str).partition(is_event);
        let elsewhere = |key: &str| Handled {
            key: key.to_owned(),
            ending: Ending::Done([("ObjectsElsewhere", 1)].into()),
        };
        handled.extend(others.into_iter().map(elsewhere));
        for keys in events.chunks(MOST) {
            let done = if Instant::now() + TOO_LATE > deadline {
                Err(Failure::new(FaultClass::Retryable, "out of time before it was this object's turn"))
            } else {
                Box::pin(self.batch(keys, force, deadline)).await
            };
            match done {
                Ok(done) => handled.extend(done),
                Err(failure) => handled.extend(keys.iter().map(|key| Handled {
                    key: (*key).to_owned(),
                    ending: Ending::Failed(Failure::new(failure.class(), failure.to_string())),
                })),
            }
        }
        handled
    }

    async fn find(&self, force: bool, deadline: Instant) -> Result<Found, Failure> {
        let there = self.inbox.list_below(&self.prefix, deadline).await?;
        let there: Vec<(&str, &str)> =
            there.iter().map(|object| (object.path.as_str(), object.version.tag.as_str())).collect();
        let counts = Counts::from([("ObjectsListed", there.len() as u64)]);
        if force {
            return Ok(Found { keys: there.iter().map(|(key, _)| (*key).to_owned()).collect(), counts });
        }
        let bucket = self.root().bucket();
        let run = self.warehouse.run("look for new objects", deadline, async |client: &Client| {
            let mut keys = Vec::new();
            for page in there.chunks(10_000) {
                keys.extend(registry::outdated(client, bucket, page).await?);
            }
            Ok::<_, WarehouseError>(keys)
        });
        Ok(Found { keys: Box::pin(run).await?, counts })
    }
}
