//! Stores objects in one transaction. Objects that Postgres refuses are found, parked, and left out of the transaction.

use std::collections::BTreeMap;

use dead_letters::{DeadLetters, ObjectReading};
use faults::{Classified, FaultClass};
use function_kit::object_lane::{Ending, Handled};
use function_kit::serve::Failure;
use futures::{StreamExt, stream};
use s3::StoreError;
use tokio::time::Instant;
use warehouse::registry::{self, RegistryEntry};
use warehouse::search::{Storable, search};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::batch::InboxBatch;
use crate::item::{Content, Item, LANE};

/// The largest number of concurrent requests to S3.
pub(crate) const AT_A_TIME: usize = 16;
/// The largest number of searches for objects that Postgres refuses. After them the objects are delivered again.
const MOST_SEARCHES: u32 = 3;

/// The destinations of objects: the database, and the dead letters for objects that it cannot hold.
pub(crate) struct Sink {
    /// The bucket of the inbox.
    pub(crate) bucket: String,
    pub(crate) warehouse: Warehouse,
    pub(crate) dead_letters: DeadLetters,
}

/// The objects of a batch. Any subset of them can be stored in one transaction.
struct Items<'a> {
    items: &'a [Item],
    bucket: &'a str,
}

impl Storable for Items<'_> {
    type Index = usize;
    type Fault = WarehouseError;

    async fn store(&self, client: &Client, places: &[usize]) -> Result<(), WarehouseError> {
        let mut batch = InboxBatch::default();
        for item in places.iter().filter_map(|&place| self.items.get(place)) {
            if let Some(event) = item.event() {
                batch.add(event, &item.key);
            }
        }
        batch.store(client, self.bucket).await
    }
}

impl Sink {
    /// The registry's entries of these keys. Keys without an entry are missing in the result.
    ///
    /// # Errors
    /// [`WarehouseError`] if Postgres fails until `deadline`.
    pub(crate) async fn entries(
        &self,
        keys: &[&str],
        deadline: Instant,
    ) -> Result<BTreeMap<String, RegistryEntry>, WarehouseError> {
        let bucket = self.bucket.as_str();
        let run = self.warehouse.run("look for processed objects", deadline, async |client: &Client| {
            registry::find(client, bucket, keys, false).await
        });
        Box::pin(run).await
    }

    /// Stores or parks each object and returns its result.
    ///
    /// If Postgres refuses the transaction because of single rows, these objects are searched for and parked,
    /// and the others are stored. There are at most [`MOST_SEARCHES`] searches.
    pub(crate) async fn store(&self, mut items: Vec<Item>, deadline: Instant) -> Vec<Handled> {
        let mut handled = self.park(&mut items, deadline).await;
        // Runs of objects that can each be stored in one statement, if all objects together cannot.
        let (mut runs, mut in_runs) = (Vec::new(), false);
        let mut searches = 0;
        while !items.is_empty() {
            let all = vec![(0..items.len()).collect()];
            let stored = self.try_to_store(&items, if in_runs { &runs } else { &all }, deadline).await;
            let fault = match stored {
                Ok(()) => {
                    handled
                        .extend(items.drain(..).map(|item| ending(&item.key, Ending::Done(item.counts()))));
                    break;
                }
                // Postgres accepted these objects in smaller statements during the search, but refuses them in one
                // statement.
                Err(error) if error.is_unholdable() && !in_runs && !runs.is_empty() => {
                    in_runs = true;
                    continue;
                }
                Err(error) if error.is_unholdable() && searches < MOST_SEARCHES => {
                    searches += 1;
                    match self.search(&mut items, deadline).await {
                        Ok(found) => {
                            let failed = self.park(&mut items, deadline).await;
                            // The runs hold indexes from before failed objects were removed, so they are only valid if
                            // none was removed.
                            runs = if failed.is_empty() { found } else { Vec::new() };
                            in_runs = false;
                            handled.extend(failed);
                            continue;
                        }
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // Objects that Postgres still refuses after all searches stay in the queue. Another attempt may store them.
            let class = if fault.is_unholdable() { FaultClass::Retryable } else { fault.class() };
            let failed =
                |item: Item| ending(&item.key, Ending::Failed(Failure::new(class, fault.to_string())));
            handled.extend(items.drain(..).map(failed));
        }
        handled
    }

    /// Parks the bad objects, before the registry marks them as read. Removes and returns the objects that cannot be
    /// parked: they must be delivered again.
    async fn park(&self, items: &mut Vec<Item>, deadline: Instant) -> Vec<Handled> {
        let parked: Vec<Result<(), StoreError>> = stream::iter(&*items)
            .map(async |item| self.park_one(item, deadline).await)
            .buffered(AT_A_TIME)
            .collect()
            .await;
        let mut failed = Vec::new();
        let mut parked = parked.into_iter();
        items.retain(|item| match parked.next() {
            Some(Err(error)) => {
                failed.push(ending(&item.key, Ending::Failed(error.into())));
                false
            }
            _ => true,
        });
        failed
    }

    /// Parks one object, if it is bad. If it was read before, deletes the records that earlier readings
    /// parked.
    async fn park_one(&self, item: &Item, deadline: Instant) -> Result<(), StoreError> {
        let (entry, letter) = (item.entry(), item.letter(&self.bucket));
        let reading =
            ObjectReading { lane: LANE, bucket: &self.bucket, key: &item.key, reading: entry.reading };
        self.dead_letters.park_of_object(&reading, letter.as_slice(), deadline).await?;
        if entry.reading > 1 {
            self.dead_letters.forget_earlier(&reading, deadline).await?;
        }
        Ok(())
    }

    /// Stores the rows of each run, and registers the objects as read, in one transaction.
    ///
    /// # Errors
    /// [`WarehouseError`]; the transaction is then rolled back. [`WarehouseError::is_unholdable`] says
    /// whether single rows are the cause.
    async fn try_to_store(
        &self,
        items: &[Item],
        runs: &[Vec<usize>],
        deadline: Instant,
    ) -> Result<(), WarehouseError> {
        let bucket = self.bucket.as_str();
        let entries: BTreeMap<String, RegistryEntry> =
            items.iter().map(|item| (item.key.clone(), item.entry())).collect();
        let rows = Items { items, bucket };
        let run = self.warehouse.run("store events", deadline, async |client: &Client| {
            let failed = WarehouseError::statement("store events");
            warehouse::begin(client, deadline).await.map_err(&failed)?;
            registry::save(client, LANE, bucket, &entries).await?;
            for run in runs {
                rows.store(client, run).await?;
            }
            client.batch_execute("COMMIT").await.map_err(&failed)
        });
        Box::pin(run).await
    }

    /// Finds the objects that Postgres refuses and marks them as poison. Returns the other objects in runs, each of
    /// which can be stored in one statement.
    async fn search(&self, items: &mut [Item], deadline: Instant) -> Result<Vec<Vec<usize>>, WarehouseError> {
        let rows = Items { items, bucket: &self.bucket };
        let places: Vec<usize> = (0..items.len()).filter(|&place| items[place].event().is_some()).collect();
        let action = "look for events that Postgres refuses";
        let run = self.warehouse.run(action, deadline, async |client: &Client| {
            // A search handles a thousand records regardless of the deadline, and a batch has fewer.
            search(client, &rows, &places, deadline, deadline).await
        });
        let found = Box::pin(run).await?;
        for (place, reason) in found.refused {
            items[place].content = Content::Poison(reason);
        }
        Ok(found.runs)
    }
}

fn ending(key: &str, ending: Ending) -> Handled {
    Handled { key: key.to_owned(), ending }
}
