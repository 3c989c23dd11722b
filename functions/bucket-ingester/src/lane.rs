//! The lane: keys, in any order and any number of times, each read once per version.

use std::collections::{BTreeMap, BTreeSet};

use dead_letters::{DeadLetters, ObjectReading};
use faults::FaultClass;
use function_kit::object_lane::{Counts, Ending, Found, Handled, ObjectLane, add, patience};
use function_kit::serve::Failure;
use object_reader::{ObjectSource, WebFolder};
use s3::{ObjectStore, ObjectVersion, StoreError};
use tokio::time::Instant;
use warehouse::registry::{self, RegistryEntry, State};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::list::{FilesList, UnreadableLine};
use crate::reading::{IngestError, Reading, Tools};
use crate::rows::RowDecoder;
use crate::settings::{MediaSource, Settings};
use crate::stretch::LANE;

/// The longest list that is read: it is held in memory as a whole.
const LONGEST_LIST: u64 = 64 << 20;
/// How often an object that changes while it is read is begun again within one invocation.
const MOST_TRIES: u32 = 4;

/// Stores media files.
pub struct MediaLane {
    tools: Tools,
    warehouse: Warehouse,
    list: String,
}

/// What a look at the list came to.
struct ListLook {
    /// The keys to handle.
    keys: Vec<String>,
    counts: Counts,
    /// Whether the lines that are no keys are parked.
    noted: Result<(), IngestError>,
}

impl MediaLane {
    /// Makes the clients; no request is sent before the first event.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let client = s3::client(&settings::sdk_config().await);
        let (source, bucket) = match &settings.source {
            MediaSource::Bucket(bucket) => (
                ObjectSource::Bucket(ObjectStore::new(client.clone(), bucket.clone())),
                bucket.bucket().to_owned(),
            ),
            MediaSource::Web(base) => {
                (ObjectSource::Web(Box::new(WebFolder::new(base.clone())?)), base.to_string())
            }
        };
        Ok(Self {
            tools: Tools {
                source,
                bucket,
                decoder: RowDecoder::default(),
                dead_letters: DeadLetters::new(client, settings.parked_root.clone()),
                settle: settings.settle,
                largest_expanded: settings.largest_expanded,
            },
            warehouse: Warehouse::new(settings.database.clone()),
            list: settings.list.clone(),
        })
    }

    /// The list as it is now, and its version; `None` where there is no list.
    async fn listed(&self, deadline: Instant) -> Result<Option<(ObjectVersion, FilesList)>, IngestError> {
        let Some(version) = self.tools.source.head(&self.list, deadline).await? else { return Ok(None) };
        if version.size > LONGEST_LIST {
            return Err(IngestError::ListTooLong { list: self.list.clone(), bytes: version.size });
        }
        let bytes = self.tools.source.read(&self.list, &version, 0, deadline).rest().await?;
        let mut list = FilesList::read(&bytes);
        list.keys.remove(&self.list);
        Ok(Some((version, list)))
    }

    /// Parks the lines of the list that are no keys, once per version of the list. Parked lines of earlier versions are deleted.
    async fn note_unreadable(
        &self,
        version: &ObjectVersion,
        list: &FilesList,
        deadline: Instant,
    ) -> Result<(), IngestError> {
        let (tools, key) = (&self.tools, self.list.as_str());
        let bucket = tools.bucket.as_str();
        let run = self.warehouse.run("note unreadable lines", deadline, async |client: &Client| {
            let found = registry::find(client, bucket, &[key], false).await?;
            let before = found.get(key);
            let noted = before.map_or(list.unreadable_lines == 0, |before| before.version == version.tag);
            if noted {
                return Ok::<_, IngestError>(());
            }
            let mut entry = RegistryEntry::begin(before, &version.tag, version.modified);
            entry.state = State::Processed;
            entry.rows_parked = i64::try_from(list.unreadable.len()).unwrap_or(i64::MAX);
            let place = crate::stretch::SourceObject {
                bucket,
                key,
                modified_ms: version.modified.timestamp_millis(),
            };
            let letter =
                |line: &UnreadableLine| place.parked(Some(line.number - 1), Some(&line.bytes), &line.reason);
            let letters: Vec<_> = list.unreadable.iter().map(letter).collect();
            let reading = ObjectReading { lane: LANE, bucket, key, reading: entry.reading };
            tools.dead_letters.park_of_object(&reading, &letters, deadline).await?;
            if entry.reading > 1 {
                tools.dead_letters.forget_earlier(&reading, deadline).await?;
            }
            registry::save(client, LANE, bucket, &BTreeMap::from([(key.to_owned(), entry)])).await?;
            Ok(())
        });
        Box::pin(run).await
    }

    /// Parks the unreadable lines of the list, and looks for new or changed objects among the keys of the others.
    async fn look_at_list(&self, force: bool, deadline: Instant) -> Result<ListLook, Failure> {
        let Some((version, list)) = self.listed(deadline).await? else {
            let (list, bucket) = (&self.list, &self.tools.bucket);
            let message =
                format!("there is no {list} in {bucket}: upload the list, or name it with MEDIA_LIST");
            return Err(Failure::new(FaultClass::Configuration, message));
        };
        let mut counts = Counts::from([("ObjectsListed", list.keys.len() as u64)]);
        if let Some(line) = list.unreadable.first() {
            counts.insert("LinesUnreadable", list.unreadable_lines);
            let (list, lines) = (&self.list, list.unreadable_lines);
            tracing::warn!(list, lines, first = line.reason, "lines of the list are parked");
        }
        let noted = self.note_unreadable(&version, &list, patience(deadline)).await;
        let keys =
            if force { list.keys.into_iter().collect() } else { self.outdated(list.keys, deadline).await? };
        Ok(ListLook { keys, counts, noted })
    }

    async fn read(&self, key: &str, force: bool, deadline: Instant) -> Result<Ending, IngestError> {
        let (mut begun, mut tries) = (None, 0);
        let read = self.warehouse.run("read an object", deadline, async |client| {
            let tools = &self.tools;
            if !registry::claim(client, &tools.bucket, key).await? {
                let message = "another environment is reading it";
                return Ok(Some(Ending::Failed(Failure::new(FaultClass::Retryable, message))));
            }
            let read = Reading { tools, client, key, deadline }.run(force, &mut begun).await;
            // Whatever became of it: a claim that is kept would keep all others out.
            registry::release(client).await?;
            tries += 1;
            match read {
                // Trying again right now would take the time that other objects need.
                Err(error) if error.is_of_store() || (error.is_of_object() && tries == MOST_TRIES) => {
                    Ok(Some(Ending::Failed(error.into())))
                }
                read => read,
            }
        });
        match Box::pin(read).await? {
            Some(ending) => Ok(ending),
            None => self.missing(key, force, deadline).await,
        }
    }

    /// An object that is not there: parked as long as the list names it and it was never read, so that nobody overlooks
    /// it. One that was deleted after it was read is no loss.
    async fn missing(&self, key: &str, force: bool, deadline: Instant) -> Result<Ending, IngestError> {
        if !self.listed(deadline).await?.is_some_and(|(_, list)| list.keys.contains(key)) {
            return if force {
                Err(IngestError::Missing)
            } else {
                Ok(Ending::Done([("ObjectsGone", 1)].into()))
            };
        }
        let tools = &self.tools;
        let bucket = tools.bucket.as_str();
        let reason = format!("{} lists it, but there is no such object", self.list);
        let run = self.warehouse.run("note a missing object", deadline, async |client: &Client| {
            if !registry::find(client, bucket, &[key], false).await?.is_empty() {
                return Ok::<_, IngestError>(Ending::Done([("ObjectsMissing", 1)].into()));
            }
            let mut entry = RegistryEntry::begin(None, "", chrono::DateTime::default());
            (entry.state, entry.reason) = (State::Parked, Some(reason.clone()));
            let reading = ObjectReading { lane: LANE, bucket, key, reading: entry.reading };
            let place = crate::stretch::SourceObject { bucket, key, modified_ms: 0 };
            let record = place.parked(None, None, &reason);
            tools.dead_letters.park_of_object(&reading, &[record], deadline).await?;
            registry::save(client, LANE, bucket, &BTreeMap::from([(key.to_owned(), entry)])).await?;
            Ok(Ending::Done([("ObjectsMissing", 1)].into()))
        });
        Box::pin(run).await
    }

    /// The listed keys that the registry does not know as they are now.
    async fn outdated(
        &self,
        listed: BTreeSet<String>,
        deadline: Instant,
    ) -> Result<Vec<String>, IngestError> {
        let ObjectSource::Bucket(store) = &self.tools.source else {
            // A web server cannot be listed: each file is asked for its version.
            return Ok(listed.into_iter().collect());
        };
        let bucket = self.tools.bucket.as_str();
        let (mut keys, mut absent, mut after) = (Vec::new(), listed, String::new());
        loop {
            let (page, more) = store.list_page("", &after, deadline).await?;
            let there: Vec<(&str, &str)> = page
                .iter()
                .filter(|object| absent.remove(&object.path))
                .map(|object| (object.path.as_str(), object.version.tag.as_str()))
                .collect();
            let run = self.warehouse.run("look for new objects", deadline, async |client: &Client| {
                registry::outdated(client, bucket, &there).await
            });
            keys.extend(Box::pin(run).await.map_err(|error: WarehouseError| IngestError::from(error))?);
            match page.into_iter().next_back() {
                Some(last) if more => after = last.path,
                _ => break,
            }
        }
        let absent: Vec<&str> = absent.iter().map(String::as_str).collect();
        let run = self.warehouse.run("look for missing objects", deadline, async |client: &Client| {
            registry::find(client, bucket, &absent, false).await
        });
        let known = Box::pin(run).await.map_err(|error: WarehouseError| IngestError::from(error))?;
        keys.extend(absent.iter().filter(|key| !known.contains_key(**key)).map(|key| (*key).to_owned()));
        Ok(keys)
    }

    async fn handle_one(&self, key: &str, force: bool, deadline: Instant) -> Handled {
        // The slash marks a folder in a browser's view of a bucket, and holds nothing.
        let ending = if key.ends_with('/') {
            Ok(Ending::Done(Counts::new()))
        } else if !registry::can_hold(key) {
            let (tools, object) = (&self.tools, (self.tools.bucket.as_str(), key));
            let letters = &tools.dead_letters;
            let parked =
                letters.park_unregistered(LANE, object, registry::NUL_IN_KEY, patience(deadline)).await;
            parked.map(|()| Ending::Done([("ObjectsParked", 1)].into())).map_err(IngestError::from)
        } else {
            self.read(key, force, deadline).await
        };
        let ending = ending.unwrap_or_else(|error| Ending::Failed(error.into()));
        Handled { key: key.to_owned(), ending }
    }
}

impl ObjectLane for MediaLane {
    fn bucket(&self) -> Option<&str> {
        match &self.tools.source {
            ObjectSource::Bucket(store) => Some(store.location().bucket()),
            ObjectSource::Web(_) => None,
        }
    }

    async fn handle(&self, keys: &[String], force: bool, deadline: Instant) -> Vec<Handled> {
        let mut handled = Vec::with_capacity(keys.len());
        if keys.contains(&self.list) {
            // The list itself changed: what it names is looked at, and the list's own end is that of the look.
            let ending = match self.look_at_list(false, deadline).await {
                Ok(look) => {
                    let noted = look.noted.map(|()| Ending::Done(look.counts));
                    let mut ending = noted.unwrap_or_else(|error| Ending::Failed(error.into()));
                    for key in look.keys.iter().filter(|key| !keys.contains(*key)) {
                        let Handled { ending: other, .. } = self.handle_one(key, false, deadline).await;
                        ending = worse(ending, other);
                    }
                    ending
                }
                Err(failure) => Ending::Failed(failure),
            };
            handled.push(Handled { key: self.list.clone(), ending });
        }
        for key in keys.iter().filter(|key| **key != self.list) {
            handled.push(self.handle_one(key, force, deadline).await);
        }
        handled
    }

    async fn find(&self, force: bool, _after: &str, deadline: Instant) -> Result<Found, Failure> {
        let ListLook { mut keys, counts, noted } = self.look_at_list(force, deadline).await?;
        if let Err(error) = noted {
            // The list counts as one more object, so that the others are read although this failed.
            tracing::warn!(%error, "unreadable lines of the list could not be parked");
            keys.push(self.list.clone());
        }
        Ok(Found { keys, counts, next: None })
    }
}

/// Of two ends the one that asks for more; the counts of both.
fn worse(one: Ending, other: Ending) -> Ending {
    match (one, other) {
        (Ending::Done(mut counts), Ending::Done(more)) => {
            add(&mut counts, &more);
            Ending::Done(counts)
        }
        (failed @ Ending::Failed(_), _) | (_, failed @ Ending::Failed(_)) => failed,
        (Ending::Unsettled(a), Ending::Unsettled(b)) => Ending::Unsettled(a.max(b)),
        (unsettled @ Ending::Unsettled(_), _) | (_, unsettled @ Ending::Unsettled(_)) => unsettled,
    }
}
