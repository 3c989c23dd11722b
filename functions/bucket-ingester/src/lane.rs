//! The lane of media files. It receives keys in any order and repeatedly, and reads each version of an object
//! once.

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

/// The largest list in bytes; the whole list is held in memory.
const LONGEST_LIST: u64 = 64 << 20;
/// The number of times that one invocation starts to read an object that changes during the read.
const MOST_TRIES: u32 = 4;

/// Reads media files and stores their rows.
pub struct MediaLane {
    /// The clients and settings for reading objects.
    tools: Tools,
    /// The database with the tables and the registry.
    warehouse: Warehouse,
    /// The key of the list of files.
    list: String,
}

/// The result of reading the list.
struct ListLook {
    /// The keys to handle.
    keys: Vec<String>,
    /// The counts of the list itself, for metrics.
    counts: Counts,
    /// Whether the unreadable lines could be parked.
    noted: Result<(), IngestError>,
}

impl MediaLane {
    /// Creates the clients. No request is sent before the first event.
    ///
    /// # Errors
    /// Only if the HTTP client for a web source cannot be created.
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

    /// Reads the current list and its version; `None` if there is no list. The list's own key is removed from
    /// its keys.
    ///
    /// # Errors
    /// [`IngestError::ListTooLong`] if it has more than [`LONGEST_LIST`] bytes.
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

    /// Parks the unreadable lines of the list, once per version of the list. Parked lines of earlier versions are
    /// deleted.
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

    /// Reads the list, parks its unreadable lines, and finds the keys of new and changed objects. With
    /// `force`, returns all keys.
    ///
    /// # Errors
    /// [`Failure`] of class configuration if the list does not exist. A failure to park lines is part of the
    /// result, so that the listed objects are read nevertheless.
    async fn look_at_list(&self, force: bool, deadline: Instant) -> Result<ListLook, Failure> {
        let Some((version, list)) = self.listed(deadline).await? else {
            let (list, bucket) = (&self.list, &self.tools.bucket);
            let message =
                format!("{list} does not exist in {bucket}: upload the list, or set its key in MEDIA_LIST");
            return Err(Failure::new(FaultClass::Configuration, message));
        };
        let mut counts = Counts::from([("ObjectsListed", list.keys.len() as u64)]);
        if let Some(line) = list.unreadable.first() {
            counts.insert("LinesUnreadable", list.unreadable_lines);
            let (list, lines) = (&self.list, list.unreadable_lines);
            tracing::warn!(list, lines, first = line.reason, "unreadable lines of the list are parked");
        }
        let noted = self.note_unreadable(&version, &list, patience(deadline)).await;
        let keys =
            if force { list.keys.into_iter().collect() } else { self.outdated(list.keys, deadline).await? };
        Ok(ListLook { keys, counts, noted })
    }

    /// Reads one object, under a claim that keeps other invocations away from it.
    ///
    /// If the object changes during the read, the read starts again, up to [`MOST_TRIES`] times. After a
    /// fault of S3 or the web server the object is not retried here; it is delivered again.
    async fn read(&self, key: &str, force: bool, deadline: Instant) -> Result<Ending, IngestError> {
        let (mut begun, mut tries) = (None, 0);
        let read = self.warehouse.run("read an object", deadline, async |client| {
            let tools = &self.tools;
            if !registry::claim(client, &tools.bucket, key).await? {
                let message = "another invocation is reading it";
                return Ok(Some(Ending::Failed(Failure::new(FaultClass::Retryable, message))));
            }
            let read = Reading { tools, client, key, deadline }.run(force, &mut begun).await;
            // Release the claim after an error too. Otherwise no other invocation could read the object.
            registry::release(client).await?;
            tries += 1;
            match read {
                // Retrying now would use up the time of other objects, so the object is delivered again later.
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

    /// Handles a key without an object. If the list names the key and the object was never read, the key is parked, so
    /// that an operator sees it. An object that was deleted after it was read needs no action.
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
        let reason = format!("{} lists the object, but it does not exist", self.list);
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

    /// The listed keys whose current version is not in the registry, and the keys without an object that the
    /// registry does not know. For a web server, these are all keys.
    async fn outdated(
        &self,
        listed: BTreeSet<String>,
        deadline: Instant,
    ) -> Result<Vec<String>, IngestError> {
        let ObjectSource::Bucket(store) = &self.tools.source else {
            // A web server cannot be listed, so the version of each file is requested later.
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

    /// Handles one key. A key that the registry cannot hold, because it has a NUL, is parked and not read.
    async fn handle_one(&self, key: &str, force: bool, deadline: Instant) -> Handled {
        // A key that ends with a slash is a folder marker of the S3 console and has no content.
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
            // The list itself changed, so its objects are read too. The result for the list's key covers all of them.
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
            // Return the list as one more key, so that it is retried while the other objects are read.
            tracing::warn!(%error, "unreadable lines of the list could not be parked");
            keys.push(self.list.clone());
        }
        Ok(Found { keys, counts, next: None })
    }
}

/// Combines two results: a failure is worse than an unsettled object, and that is worse than a done one. Adds the
/// counts of two done ones.
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
