//! One transaction: positions locked, what is new stored, poison parked, positions saved.

use std::collections::BTreeMap;

use dead_letters::{DeadLetters, ParkedRecord};
use function_kit::delivery::{Settled, accept, advance, settle};
use kafka_batch::{BatchOutcome, PartitionRecords, Tally};
use objects::Client as S3Client;
use positions::{Accepted, Handled, TopicRecreated, UNCERTAIN};
use tokio::time::Instant;
use warehouse::ledger::{self, Entry, Saved};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::error::LaneError;
use crate::settings::Settings;

/// A record's place in a topic's part of a batch: the partition's, and the record's within it.
pub type Place = (usize, usize);

/// A topic's part of a batch, decoded.
pub trait Decoded {
    /// Why the record at `place` can never be stored; `None` for a good one.
    fn poison(&self, place: Place) -> Option<&str>;

    /// Stores the good records at `places`, which are in order, within the transaction that `client` has open. Returns
    /// how many of them left the table as it was, since it holds what they say.
    fn store(&self, client: &Client, places: &[Place]) -> impl Future<Output = Result<u64, LaneError>>;

    /// Fields of good records that the pipeline file does not name.
    fn extra_fields(&self) -> u64;
}

/// Where batches go: the database, and the dead letters of what it cannot take.
pub struct Sink {
    lane: &'static str,
    warehouse: Warehouse,
    dead_letters: DeadLetters,
}

/// What a transaction did.
struct Done {
    /// What became of each partition.
    results: Vec<Result<Settled, TopicRecreated>>,
    /// Records that left the table as it was.
    unchanged: u64,
    holes_forgotten: u64,
    offsets_skipped: u64,
}

/// Poison by the record's place.
type Refused = BTreeMap<Place, String>;

impl Sink {
    /// A sink that parks under the name `lane`. No request is sent before the first batch.
    #[must_use]
    pub fn new(lane: &'static str, settings: &Settings, client: S3Client) -> Self {
        Self {
            lane,
            warehouse: Warehouse::new(settings.database.clone()),
            dead_letters: DeadLetters::new(client, settings.parked_root.clone()),
        }
    }

    /// Stores what is new of `partitions`, all of one topic, and tells `outcome` what became of them.
    pub async fn store(
        &self,
        group: &str,
        fingerprint: &str,
        partitions: &[PartitionRecords<'_>],
        decoded: &impl Decoded,
        deadline: Instant,
        outcome: &mut BatchOutcome,
    ) -> Result<(), LaneError> {
        let work = Work { sink: self, group, fingerprint, partitions, decoded, deadline };
        let run = async |careful| {
            self.warehouse
                .run("store a batch", deadline, async |client| work.run(client, careful).await)
                .await
        };
        let done = match run(false).await {
            Err(error) if error.is_unholdable() => run(true).await,
            done => done,
        };
        let done = done?;
        outcome.count("ExtraFields", decoded.extra_fields());
        outcome.count("RecordsRepeated", done.unchanged);
        outcome.count("HolesForgotten", done.holes_forgotten);
        outcome.count("OffsetsSkipped", done.offsets_skipped);
        settle(outcome, partitions, &done.results);
        Ok(())
    }
}

/// What a transaction works on.
struct Work<'a, D> {
    sink: &'a Sink,
    group: &'a str,
    fingerprint: &'a str,
    partitions: &'a [PartitionRecords<'a>],
    decoded: &'a D,
    deadline: Instant,
}

impl<D: Decoded> Work<'_, D> {
    /// Runs the transaction. `careful` finds the records that Postgres cannot hold, so that only these are parked.
    async fn run(&self, client: &Client, careful: bool) -> Result<Done, LaneError> {
        let ranges: Vec<_> = self
            .partitions
            .iter()
            .map(|partition| {
                let first = partition.iter().next().map_or(0, |record| record.offset());
                let last = partition.iter().last().map_or(0, |record| record.offset());
                (partition.topic(), partition.partition(), first..last.saturating_add(1))
            })
            .collect();
        let entries = ledger::begin(client, self.group, &ranges).await?;
        let accepted: Vec<_> = entries
            .iter()
            .zip(self.partitions)
            .map(|(entry, partition)| accept(partition, &entry.position))
            .collect();
        let (good, mut refused) = self.sort_out(&accepted);
        let carefully = if careful { self.store_carefully(client, &good, &mut refused).await? } else { 0 };
        self.park(&entries, &refused).await?;
        let (saved, results) = self.positions(entries, accepted, &refused);
        let holes_forgotten = saved.iter().map(|one| one.forgotten.unsigned_abs()).sum();
        let offsets_skipped = saved.iter().map(|one| one.after.skipped_since(&one.before.position)).sum();
        if saved.is_empty() {
            client
                .batch_execute("ROLLBACK")
                .await
                .map_err(WarehouseError::statement("end the transaction"))?;
            return Ok(Done { results, unchanged: 0, holes_forgotten, offsets_skipped });
        }
        let commit = client.batch_execute("COMMIT");
        let stored = careful || good.is_empty();
        // Polled together, they travel together; a failed one makes the commit a rollback.
        let (unchanged, (), ()) = tokio::try_join!(
            biased;
            async { if stored { Ok(carefully) } else { self.decoded.store(client, &good).await } },
            async { Ok(ledger::save(client, self.group, &saved).await?) },
            async { Ok(commit.await.map_err(WarehouseError::statement("commit"))?) },
        )?;
        Ok(Done { results, unchanged, holes_forgotten, offsets_skipped })
    }

    /// The places of what is new and good, and of what is new and poison.
    fn sort_out(&self, accepted: &[Result<Accepted, TopicRecreated>]) -> (Vec<Place>, Refused) {
        let (mut good, mut refused) = (Vec::new(), Refused::new());
        for (number, accepted) in accepted.iter().enumerate() {
            let Ok(accepted) = accepted else { continue };
            refused.extend(accepted.uncertain.iter().map(|&index| ((number, index), UNCERTAIN.to_owned())));
            for &index in &accepted.indices {
                let place = (number, index);
                match self.decoded.poison(place) {
                    Some(reason) => {
                        refused.insert(place, reason.to_owned());
                    }
                    None => good.push(place),
                }
            }
        }
        (good, refused)
    }

    /// Stores all of `good` but what Postgres cannot hold, which it notes in `refused`: a run of records that it refuses
    /// is cut in two, down to the single record.
    async fn store_carefully(
        &self,
        client: &Client,
        good: &[Place],
        refused: &mut Refused,
    ) -> Result<u64, LaneError> {
        let failed = || WarehouseError::statement("store carefully");
        let mut unchanged = 0;
        let mut runs = if good.is_empty() { Vec::new() } else { vec![good] };
        while let Some(run) = runs.pop() {
            client.batch_execute("SAVEPOINT careful").await.map_err(failed())?;
            match self.decoded.store(client, run).await {
                Ok(count) => {
                    client.batch_execute("RELEASE SAVEPOINT careful").await.map_err(failed())?;
                    unchanged += count;
                }
                Err(error) if error.is_unholdable() => {
                    client.batch_execute("ROLLBACK TO SAVEPOINT careful").await.map_err(failed())?;
                    if let [place] = run {
                        refused.insert(*place, format!("the table cannot hold it: {}", error.reason()));
                    } else {
                        // The earlier half on top: records are stored in their order.
                        let (earlier, later) = run.split_at(run.len() / 2);
                        runs.extend([later, earlier]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(unchanged)
    }

    async fn park(&self, entries: &[Entry], refused: &Refused) -> Result<(), LaneError> {
        for (number, partition) in self.partitions.iter().enumerate() {
            let records: Vec<_> = refused
                .range((number, 0)..(number + 1, 0))
                .map(|((_, index), reason)| {
                    let record = partition.get(*index);
                    let of = (partition, entries[number].position.incarnation);
                    ParkedRecord::of_kafka(self.sink.lane, of, &record, reason, self.fingerprint)
                })
                .collect();
            self.sink.dead_letters.park(partition, &records, self.deadline).await?;
        }
        Ok(())
    }

    fn positions(
        &self,
        entries: Vec<Entry>,
        accepted: Vec<Result<Accepted, TopicRecreated>>,
        refused: &Refused,
    ) -> (Vec<Saved>, Vec<Result<Settled, TopicRecreated>>) {
        let (mut saved, mut results) = (Vec::new(), Vec::new());
        for (number, (before, accepted)) in entries.into_iter().zip(accepted).enumerate() {
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(recreated) => {
                    results.push(Err(recreated));
                    continue;
                }
            };
            let partition = self.partitions[number];
            let mut tally = Tally { duplicates: accepted.duplicates, ..Tally::default() };
            let mut indices = [accepted.indices, accepted.uncertain].concat();
            indices.sort_unstable();
            let mut handled = Vec::with_capacity(indices.len());
            for index in indices {
                let parked = refused.contains_key(&(number, index));
                *(if parked { &mut tally.parked } else { &mut tally.stored }) += 1;
                handled.push(Handled { index, offset: partition.get(index).offset(), parked });
            }
            let left = accepted.refused.iter();
            let left = left.map(|(index, why)| (partition.get(*index).offset(), *why)).collect();
            results.push(Ok(Settled { tally, refused: left }));
            let mut after = before.position.clone();
            let forgotten = advance(&partition, &mut after, &handled);
            let forgotten = i64::try_from(forgotten).unwrap_or(i64::MAX);
            if after != before.position {
                let stored = i64::try_from(tally.stored).unwrap_or(i64::MAX);
                saved.push(Saved { before, after, stored, forgotten });
            }
        }
        (saved, results)
    }
}
