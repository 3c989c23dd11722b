//! The lane: keys, in any order and any number of times, each read once per version.

use std::collections::{BTreeMap, BTreeSet};

use dead_letters::{DeadLetters, ObjectReading};
use faults::FaultClass;
use function_kit::object_lane::{Counts, Ending, Found, Handled, ObjectLane, add};
use function_kit::serve::Failure;
use objects::{ObjectSource, ObjectStore, StoreError, WebFolder};
use tokio::time::Instant;
use warehouse::registry::{self, Entry, State};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::list::keys_of_list;
use crate::reading::{IngestError, Reading, Tools};
use crate::rows::RowDecoder;
use crate::settings::{MediaSource, Settings};
use crate::stretch::LANE;

/// Stores media files.
pub struct MediaLane {
    tools: Tools,
    warehouse: Warehouse,
    list: String,
}

impl MediaLane {
    /// Makes the clients; no request is sent before the first event.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let client = objects::client(&function_kit::aws::sdk_config().await);
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

    /// The keys of the list as it is now; `None` where there is no list.
    async fn listed(&self, deadline: Instant) -> Result<Option<BTreeSet<String>>, IngestError> {
        let Some(version) = self.tools.source.head(&self.list, deadline).await? else { return Ok(None) };
        let list = self.tools.source.read(&self.list, &version, 0, deadline).rest().await?;
        let mut keys = keys_of_list(&list);
        keys.remove(&self.list);
        Ok(Some(keys))
    }

    async fn read(&self, key: &str, force: bool, deadline: Instant) -> Result<Ending, IngestError> {
        let mut begun = None;
        let read = self.warehouse.run("read an object", deadline, async |client| {
            let tools = &self.tools;
            if !registry::claim(client, &tools.bucket, key).await? {
                let message = "another environment is reading it";
                return Ok(Some(Ending::Failed(Failure::new(FaultClass::Retryable, message))));
            }
            let read = Reading { tools, client, key, deadline }.run(force, &mut begun).await;
            // Whatever became of it: a claim that is kept would keep all others out.
            registry::release(client).await?;
            read
        });
        match Box::pin(read).await? {
            Some(ending) => Ok(ending),
            None => self.missing(key, force, deadline).await,
        }
    }

    /// An object that is not there: parked as long as the list names it and it was never read, so that nobody overlooks
    /// it. One that was deleted after it was read is no loss.
    async fn missing(&self, key: &str, force: bool, deadline: Instant) -> Result<Ending, IngestError> {
        if !self.listed(deadline).await?.is_some_and(|keys| keys.contains(key)) {
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
            let mut entry = Entry::begin(None, "", chrono::DateTime::default());
            (entry.state, entry.reason) = (State::Parked, Some(reason.clone()));
            let reading = ObjectReading { lane: LANE, bucket, key, reading: entry.reading };
            let place = crate::stretch::Place { bucket, key, modified_ms: 0 };
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
        let there = store.list_below("", deadline).await?;
        let there: BTreeMap<&str, &str> =
            there.iter().map(|object| (object.path.as_str(), object.version.tag.as_str())).collect();
        let current: Vec<(&str, &str)> =
            listed.iter().filter_map(|key| Some((key.as_str(), *there.get(key.as_str())?))).collect();
        let absent: Vec<&str> =
            listed.iter().map(String::as_str).filter(|key| !there.contains_key(key)).collect();
        let bucket = self.tools.bucket.as_str();
        let run = self.warehouse.run("look for new objects", deadline, async |client: &Client| {
            let mut keys = registry::outdated(client, bucket, &current).await?;
            let known = registry::find(client, bucket, &absent, false).await?;
            keys.extend(absent.iter().filter(|key| !known.contains_key(**key)).map(|key| (*key).to_owned()));
            Ok::<_, WarehouseError>(keys)
        });
        Ok(Box::pin(run).await?)
    }

    async fn handle_one(&self, key: &str, force: bool, deadline: Instant) -> Handled {
        // The slash marks a folder in a browser's view of a bucket, and holds nothing.
        let ending = if key.ends_with('/') {
            Ok(Ending::Done(Counts::new()))
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
        let mut wanted: BTreeSet<String> = keys.iter().cloned().collect();
        if wanted.remove(&self.list) {
            // The list itself changed: what it names is looked at, and the list's own end is that of the look.
            let ending = match self.find(false, deadline).await {
                Ok(found) => {
                    let mut ending = Ending::Done(found.counts);
                    for key in found.keys.iter().filter(|key| !wanted.contains(*key)) {
                        let Handled { ending: other, .. } = self.handle_one(key, false, deadline).await;
                        ending = worse(ending, other);
                    }
                    ending
                }
                Err(failure) => Ending::Failed(failure),
            };
            handled.push(Handled { key: self.list.clone(), ending });
        }
        for key in wanted {
            handled.push(self.handle_one(&key, force, deadline).await);
        }
        handled
    }

    async fn find(&self, force: bool, deadline: Instant) -> Result<Found, Failure> {
        let Some(listed) = self.listed(deadline).await? else {
            let (list, bucket) = (&self.list, &self.tools.bucket);
            let message =
                format!("there is no {list} in {bucket}: upload the list, or name it with MEDIA_LIST");
            return Err(Failure::new(FaultClass::Configuration, message));
        };
        let counts = Counts::from([("ObjectsListed", listed.len() as u64)]);
        let keys = if force { listed.into_iter().collect() } else { self.outdated(listed, deadline).await? };
        Ok(Found { keys, counts })
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
