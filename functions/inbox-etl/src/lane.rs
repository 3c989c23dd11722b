//! The lane of the inbox. It receives keys in any order and repeatedly, and stores many objects in one
//! transaction.

use std::time::Duration;

use dead_letters::DeadLetters;
use faults::FaultClass;
use function_kit::object_lane::{Counts, Ending, Found, Handled, ObjectLane, patience};
use function_kit::serve::Failure;
use futures::{StreamExt, stream};
use s3::{ObjectStore, StoreError};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use warehouse::registry::{self, RegistryEntry};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::event::EventDecoder;
use crate::item::{Content, Item, LANE};
use crate::settings::Settings;
use crate::transaction::{AT_A_TIME, Sink};

/// The largest number of objects in one query of the registry and in one transaction.
const MOST: usize = 500;
/// The largest size of one transaction's objects in bytes, so that large objects do not fill the memory.
const MOST_BYTES: usize = 8 << 20;
/// The largest object in bytes. An event has a few hundred bytes, so a larger object is not an event.
const LONGEST: u64 = 1 << 20;
/// No batch is started if less time than this is left, because it could not be stored in time.
const TOO_LATE: Duration = Duration::from_secs(2);

/// Reads events and stores them.
pub struct InboxLane {
    inbox: ObjectStore,
    /// The prefix of the events' keys, with a slash at its end; empty for a whole bucket.
    prefix: String,
    sink: Sink,
    decoder: EventDecoder,
    /// How long after its last write a damaged object counts as final.
    settle: Duration,
}

/// The result of reading an object.
enum Look {
    /// The object must be stored or parked.
    Item(Box<Item>),
    /// The object is damaged, but was written recently. It must be read again after this time.
    Unsettled(Duration),
    /// The object was deleted, or this version was read before. Holds the name of the count.
    Nothing(&'static str),
}

impl InboxLane {
    /// Creates the clients. No request is sent before the first event.
    pub async fn open(settings: &Settings) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        let prefix = settings.inbox.prefix();
        let inbox = settings.inbox.root();
        Self {
            sink: Sink {
                bucket: inbox.bucket().to_owned(),
                warehouse: Warehouse::new(settings.database.clone()),
                dead_letters: DeadLetters::new(client.clone(), settings.parked_root.clone()),
            },
            inbox: ObjectStore::new(client, inbox),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            decoder: EventDecoder::default(),
            settle: settings.settle,
        }
    }

    /// Reads and decodes one object. Returns [`Look::Nothing`] without decoding it if the registry has its
    /// version already, unless `force` is set.
    ///
    /// # Errors
    /// [`StoreError`] if S3 failed in the object's share of the time.
    async fn look(
        &self,
        key: &str,
        before: Option<&RegistryEntry>,
        force: bool,
        deadline: Instant,
    ) -> Result<Look, StoreError> {
        let Some((version, bytes)) = self.inbox.read(key, LONGEST, patience(deadline)).await? else {
            return Ok(Look::Nothing("ObjectsGone"));
        };
        if !force && before.is_some_and(|before| before.version == version.tag) {
            return Ok(Look::Nothing("ObjectsUnchanged"));
        }
        let content = match bytes.as_ref().map(|bytes| self.decoder.decode(bytes)) {
            None => {
                let reason = format!("the object has {} bytes, more than an event may have", version.size);
                Content::Poison(reason)
            }
            Some(Ok((event, extra_fields))) => Content::Event { event, extra_fields },
            Some(Err(poison)) => {
                // An object that is complete JSON is final, so it is parked without waiting for its writer.
                let whole =
                    bytes.as_ref().is_some_and(|bytes| serde_json::from_slice::<IgnoredAny>(bytes).is_ok());
                if !whole && let Some(left) = version.unsettled(self.settle) {
                    return Ok(Look::Unsettled(left));
                }
                Content::Poison(poison.to_string())
            }
        };
        let item = Item { key: key.to_owned(), version, bytes, before: before.cloned(), content };
        Ok(Look::Item(Box::new(item)))
    }

    /// Reads objects and stores them, with as many in one transaction as the limits allow. A fault of one
    /// object does not affect the others.
    ///
    /// # Errors
    /// [`Failure`] for all keys if the registry cannot be read.
    async fn batch(&self, keys: &[&str], force: bool, deadline: Instant) -> Result<Vec<Handled>, Failure> {
        let before = self.sink.entries(keys, deadline).await?;
        let mut looks = stream::iter(keys.iter().copied())
            .map(async |key| (key, self.look(key, before.get(key), force, deadline).await))
            .buffered(AT_A_TIME);
        let mut handled = Vec::with_capacity(keys.len());
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some((key, look)) = looks.next().await {
            let ending = match look {
                Ok(Look::Item(item)) => {
                    bytes += item.bytes.as_ref().map_or(0, bytes::Bytes::len);
                    items.push(*item);
                    if bytes >= MOST_BYTES {
                        handled.extend(self.sink.store(std::mem::take(&mut items), deadline).await);
                        bytes = 0;
                    }
                    continue;
                }
                Ok(Look::Nothing(name)) => Ending::Done([(name, 1)].into()),
                Ok(Look::Unsettled(left)) => Ending::Unsettled(left),
                Err(error) => Ending::Failed(error.into()),
            };
            handled.push(Handled { key: key.to_owned(), ending });
        }
        handled.extend(self.sink.store(items, deadline).await);
        Ok(handled)
    }

    /// Parks an object whose key the registry cannot hold.
    async fn park_unregistered(&self, key: &str, deadline: Instant) -> Handled {
        let (letters, object) = (&self.sink.dead_letters, (self.sink.bucket.as_str(), key));
        let parked = letters.park_unregistered(LANE, object, registry::NUL_IN_KEY, patience(deadline)).await;
        let ending = match parked {
            Ok(()) => Ending::Done([("ObjectsParked", 1), ("RecordsParked", 1)].into()),
            Err(error) => Ending::Failed(error.into()),
        };
        Handled { key: key.to_owned(), ending }
    }
}

impl ObjectLane for InboxLane {
    fn bucket(&self) -> Option<&str> {
        Some(&self.sink.bucket)
    }

    async fn handle(&self, keys: &[String], force: bool, deadline: Instant) -> Vec<Handled> {
        let mut handled = Vec::with_capacity(keys.len());
        // Objects outside the inbox are not events. A key that ends with a slash is a folder marker of the S3 console.
        let is_event = |key: &&str| key.starts_with(&self.prefix) && !key.ends_with('/');
        let (events, others): (Vec<&str>, Vec<&str>) = keys.iter().map(String::as_str).partition(is_event);
        let elsewhere = |key: &str| Handled {
            key: key.to_owned(),
            ending: Ending::Done([("ObjectsElsewhere", 1)].into()),
        };
        handled.extend(others.into_iter().map(elsewhere));
        let (odd, events): (Vec<&str>, Vec<&str>) =
            events.into_iter().partition(|key| !registry::can_hold(key));
        for key in odd {
            handled.push(self.park_unregistered(key, deadline).await);
        }
        for keys in events.chunks(MOST) {
            let done = if Instant::now() + TOO_LATE > deadline {
                Err(Failure::new(FaultClass::Retryable, "out of time before this object was read"))
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

    async fn find(&self, force: bool, after: &str, deadline: Instant) -> Result<Found, Failure> {
        let (page, more) = self.inbox.list_page(&self.prefix, after, deadline).await?;
        let next = page.last().filter(|_| more).map(|object| object.path.clone());
        let counts = Counts::from([("ObjectsListed", page.len() as u64)]);
        if force {
            return Ok(Found { keys: page.into_iter().map(|object| object.path).collect(), counts, next });
        }
        let there: Vec<(&str, &str)> =
            page.iter().map(|object| (object.path.as_str(), object.version.tag.as_str())).collect();
        let (odd, there): (Vec<_>, Vec<_>) = there.into_iter().partition(|(key, _)| !registry::can_hold(key));
        let bucket = self.sink.bucket.as_str();
        let run = self.sink.warehouse.run("look for new objects", deadline, async |client: &Client| {
            registry::outdated(client, bucket, &there).await
        });
        let mut keys = Box::pin(run).await.map_err(|error: WarehouseError| Failure::from(error))?;
        keys.extend(odd.into_iter().map(|(key, _)| key.to_owned()));
        Ok(Found { keys, counts, next })
    }
}
