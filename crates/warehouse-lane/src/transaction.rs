//! The transaction: lock the positions, store the new records, save the positions. Records are parked before the
//! transaction and not within it. So a slow S3 does not make others wait for the locks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dead_letters::{DeadLetters, ParkedRecord};
use function_kit::delivery::{Settled, accept, advance, settle};
use kafka_batch::{BatchOutcome, Fault, PartitionRecords, Tally};
use objects::Client as S3Client;
use positions::{Accepted, Handled, TopicRecreated, UNCERTAIN};
use tokio::time::Instant;
use warehouse::ledger::{self, Entry, Saved};
use warehouse::search::{Refusal, Storable, search};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::error::LaneError;
use crate::known::{Found, Known, Refused, Suspects};
use crate::settings::Settings;

/// A record's place in a topic's part of a batch: the index of the partition, and the index of the record within it.
pub type Place = (usize, usize);

/// How often a batch is searched for records that the table refuses, before it is given back for redelivery.
const MOST_SEARCHES: u32 = 4;

/// The decoded records of a topic in a batch.
pub trait Decoded {
    /// Why the record at `place` can never be stored. `None` if it was decoded without error.
    fn poison(&self, place: Place) -> Option<&str>;

    /// Stores the decoded records at `places`, in ascending order, in the open transaction of `client`. Must use one
    /// statement and send it when the future is polled for the first time. Returns how many records changed nothing,
    /// because the table already contains their values.
    fn store(&self, client: &Client, places: &[Place]) -> impl Future<Output = Result<u64, LaneError>>;

    /// The number of fields in decoded records that the pipeline file does not name.
    fn extra_fields(&self) -> u64;
}

/// The decoded records of a topic in a batch, for the search.
struct Records<'a, D>(&'a D);

impl<D: Decoded> Storable for Records<'_, D> {
    type Place = Place;
    type Fault = LaneError;

    async fn store(&self, client: &Client, places: &[Place]) -> Result<(), LaneError> {
        self.0.store(client, places).await.map(drop)
    }
}

/// Stores batches in Postgres and parks the records that cannot be stored.
pub struct Sink {
    lane: &'static str,
    warehouse: Warehouse,
    dead_letters: DeadLetters,
}

/// The records to park: place, incarnation of the partition's position, and reason.
type Unparked = BTreeMap<(Place, i64), String>;

/// The result of a committed transaction.
struct Done {
    /// The result per partition. If time ran out, only the first partitions are included.
    results: Vec<Result<Settled, TopicRecreated>>,
    /// The number of records that changed nothing in the table.
    unchanged: u64,
    /// The number of holes that were dropped, over all partitions.
    holes_forgotten: u64,
    /// The number of offsets between the old watermarks and the first delivered offsets.
    offsets_skipped: u64,
}

/// How a transaction ended.
enum Attempt {
    /// It was committed, or there was nothing to commit.
    Done(Done),
    /// It was rolled back, because these records must be parked first.
    Park(Unparked),
    /// It was rolled back, because the table refuses at least one of these records.
    Search(Suspects, LaneError),
}

impl Sink {
    /// A sink that parks records under the name `lane`. Sends no request before the first batch.
    #[must_use]
    pub fn new(lane: &'static str, settings: &Settings, client: S3Client) -> Self {
        Self {
            lane,
            warehouse: Warehouse::new(settings.database.clone()),
            dead_letters: DeadLetters::new(client, settings.parked_root.clone()),
        }
    }

    /// Stores the new records of `partitions`, which are all of one topic, and adds the result to `outcome`.
    /// `fingerprint` identifies the fields of the pipeline file, for parked records.
    ///
    /// # Errors
    /// The batch must be redelivered. If the answer to the COMMIT was lost, its records can be stored all the same; the
    /// positions then make them duplicates. Records may have been parked; the next delivery parks them again.
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
        let mut known = Known::default();
        let done = loop {
            let run = self
                .warehouse
                .run("store a batch", deadline, async |client| work.attempt(client, &known).await);
            match Box::pin(run).await? {
                Attempt::Done(done) => break done,
                Attempt::Park(unparked) => {
                    work.park(&unparked).await?;
                    known.parked.extend(unparked.into_keys());
                }
                // The table accepted these records one by one, but refuses them in one statement.
                Attempt::Search(..) if !known.in_runs && !known.runs.is_empty() => known.in_runs = true,
                Attempt::Search(_, error) if known.searches == MOST_SEARCHES => {
                    return Err(LaneError::Unsteady(error.reason()));
                }
                Attempt::Search(suspects, _) => {
                    let found = Box::pin(work.search(&suspects)).await?;
                    known.learn(&suspects, found);
                }
            }
        };
        outcome.count("ExtraFields", decoded.extra_fields());
        outcome.count("RecordsRepeated", done.unchanged);
        outcome.count("HolesForgotten", done.holes_forgotten);
        outcome.count("OffsetsSkipped", done.offsets_skipped);
        let (whole, rest) = partitions.split_at(done.results.len());
        settle(outcome, whole, &done.results);
        if !rest.is_empty() {
            let message = "out of time while looking for records that the table cannot hold; the next delivery goes on \
                           from there";
            outcome.retry(rest.iter().copied(), Fault { needs_action: false, message: message.to_owned() });
        }
        Ok(())
    }
}

/// The input of a transaction.
struct Work<'a, D> {
    sink: &'a Sink,
    group: &'a str,
    fingerprint: &'a str,
    partitions: &'a [PartitionRecords<'a>],
    decoded: &'a D,
    /// When the function must be done. The transaction ends soon after it on the server.
    deadline: Instant,
}

/// What made a transaction fail.
enum Blame {
    /// The rows: the statement that stores them failed, or a constraint failed at the commit.
    Rows(LaneError),
    /// Something else, such as the connection.
    Other(LaneError),
}

impl<D: Decoded> Work<'_, D> {
    /// Runs the transaction. Rolls it back if records must be parked first.
    async fn attempt(&self, client: &Client, known: &Known) -> Result<Attempt, LaneError> {
        let ranges: Vec<_> = self
            .partitions
            .iter()
            .map(|partition| {
                let first = partition.iter().next().map_or(0, |record| record.offset());
                let last = partition.iter().last().map_or(0, |record| record.offset());
                (partition.topic(), partition.partition(), first..last.saturating_add(1))
            })
            .collect();
        let entries = ledger::begin(client, self.group, &ranges, self.deadline).await?;
        let accepted: Vec<_> = entries
            .iter()
            .zip(self.partitions)
            .enumerate()
            .map(|(number, (entry, partition))| {
                let accepted = accept(partition, before_end(known.end, number), &entry.position);
                accepted.map(|accepted| leave_parked(accepted, number, &known.left_parked))
            })
            .collect();
        let (good, refused) = self.sort_out(&accepted, &known.refused);
        let unparked = unparked(&known.parked, &entries, &refused);
        if !unparked.is_empty() {
            roll_back(client).await?;
            return Ok(Attempt::Park(unparked));
        }
        let is_parked = |&(number, index): &Place| {
            entries[number].position.parked.contains(self.partitions[number].get(index).offset())
        };
        let (parked_before, new) = good.iter().partition(|place| is_parked(place));
        let suspects = Suspects { new, parked_before };
        let (saved, mut results) = self.positions(entries, accepted, &refused, known.end);
        if let Some(number) = self.first_unfinished(known) {
            results.truncate(number);
        }
        let holes_forgotten = saved.iter().map(|one| one.forgotten.unsigned_abs()).sum();
        let offsets_skipped = saved.iter().map(|one| one.after.skipped_since(&one.before.position)).sum();
        if saved.is_empty() {
            roll_back(client).await?;
            return Ok(Attempt::Done(Done { results, unchanged: 0, holes_forgotten, offsets_skipped }));
        }
        let commit = client.batch_execute("COMMIT");
        // Polled together, the statements are sent together. If one fails, the COMMIT becomes a ROLLBACK.
        let stored = tokio::try_join!(
            biased;
            async { self.store(client, &good, known).await.map_err(Blame::Rows) },
            async { ledger::save(client, self.group, &saved).await.map_err(|e| Blame::Other(e.into())) },
            async { commit.await.map_err(|e| Blame::Rows(WarehouseError::statement("commit")(e).into())) },
        );
        match stored {
            Ok((unchanged, (), ())) => {
                Ok(Attempt::Done(Done { results, unchanged, holes_forgotten, offsets_skipped }))
            }
            Err(Blame::Rows(error)) if error.is_unholdable() => {
                roll_back(client).await?;
                Ok(Attempt::Search(suspects, error))
            }
            Err(Blame::Rows(error) | Blame::Other(error)) => Err(error),
        }
    }

    /// Stores `good`, in one statement if possible. Returns how many records changed nothing in the table.
    async fn store(&self, client: &Client, good: &[Place], known: &Known) -> Result<u64, LaneError> {
        if good.is_empty() {
            return Ok(0);
        }
        if !known.in_runs {
            return self.decoded.store(client, good).await;
        }
        // Records that another writer stored in the meantime are left out. Records in no run come last.
        let mut left: BTreeSet<Place> = good.iter().copied().collect();
        let mut runs: Vec<Vec<Place>> = known.runs.clone();
        for run in &mut runs {
            run.retain(|place| left.remove(place));
        }
        runs.push(left.into_iter().collect());
        let mut unchanged = 0;
        for run in runs.iter().filter(|run| !run.is_empty()) {
            unchanged += self.decoded.store(client, run).await?;
        }
        Ok(unchanged)
    }

    /// Searches for the records that the table refuses. Uses half of the remaining time; the other half is for parking
    /// and storing.
    async fn search(&self, suspects: &Suspects) -> Result<Found, LaneError> {
        let places = [suspects.new.as_slice(), &suspects.parked_before].concat();
        let run =
            self.sink.warehouse.run("look for what the table cannot hold", self.deadline, async |client| {
                let left: Duration = self.deadline.saturating_duration_since(Instant::now());
                search(client, &Records(self.decoded), &places, Instant::now() + left / 2, self.deadline)
                    .await
            });
        run.await
    }

    /// The first partition that must be redelivered. A record that stays parked is no reason for that, unless it comes
    /// from a redrive: its dead letter must then not be deleted.
    fn first_unfinished(&self, known: &Known) -> Option<usize> {
        let redriven = known.left_parked.iter().map(|(number, _)| *number);
        let mut redriven = redriven.filter(|number| self.partitions[*number].redrive().is_some());
        known.end.map(|(number, _)| number).into_iter().chain(redriven.next()).min()
    }

    /// Splits the new records into those to store and those to park, each with the reason.
    fn sort_out(
        &self,
        accepted: &[Result<Accepted, TopicRecreated>],
        unholdable: &Refused,
    ) -> (Vec<Place>, Refused) {
        let (mut good, mut refused) = (Vec::new(), Refused::new());
        for (number, accepted) in accepted.iter().enumerate() {
            let Ok(accepted) = accepted else { continue };
            refused.extend(accepted.uncertain.iter().map(|&index| ((number, index), UNCERTAIN.to_owned())));
            for &index in &accepted.indices {
                let place = (number, index);
                match self.decoded.poison(place).or(unholdable.get(&place).map(String::as_str)) {
                    Some(reason) => {
                        refused.insert(place, reason.to_owned());
                    }
                    None => good.push(place),
                }
            }
        }
        (good, refused)
    }

    async fn park(&self, unparked: &Unparked) -> Result<(), LaneError> {
        for (number, partition) in self.partitions.iter().enumerate() {
            let records: Vec<_> = unparked
                .range(((number, 0), i64::MIN)..((number + 1, 0), i64::MIN))
                .map(|(((_, index), incarnation), reason)| {
                    let record = partition.get(*index);
                    let of = (partition, *incarnation);
                    ParkedRecord::of_kafka(self.sink.lane, of, &record, reason, self.fingerprint)
                })
                .collect();
            self.sink.dead_letters.park(partition, &records, self.deadline).await?;
        }
        Ok(())
    }

    /// Computes the new positions, and the result of each partition.
    fn positions(
        &self,
        entries: Vec<Entry>,
        accepted: Vec<Result<Accepted, TopicRecreated>>,
        refused: &Refused,
        end: Option<Place>,
    ) -> (Vec<Saved>, Vec<Result<Settled, TopicRecreated>>) {
        let (mut saved, mut results) = (Vec::new(), Vec::new());
        for (number, (before, accepted)) in entries.into_iter().zip(accepted).enumerate() {
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(recreated) => {
                    let after = before.position.of_recreated_topic(&recreated);
                    if after != before.position {
                        saved.push(Saved { before, after, stored: 0, forgotten: 0 });
                    }
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
            let forgotten = advance(&partition, before_end(end, number), &mut after, &handled);
            let forgotten = i64::try_from(forgotten).unwrap_or(i64::MAX);
            if after != before.position {
                let stored = i64::try_from(tally.stored).unwrap_or(i64::MAX);
                saved.push(Saved { before, after, stored, forgotten });
            }
        }
        (saved, results)
    }
}

async fn roll_back(client: &Client) -> Result<(), WarehouseError> {
    client.batch_execute("ROLLBACK").await.map_err(WarehouseError::statement("end the transaction"))
}

/// The records of `refused` that must be parked before the transaction: those that were not parked yet in the current
/// incarnation of their position.
fn unparked(parked: &BTreeSet<(Place, i64)>, entries: &[Entry], refused: &Refused) -> Unparked {
    refused
        .iter()
        .map(|(place, reason)| ((*place, entries[place.0].position.incarnation), reason.clone()))
        .filter(|(letter, _)| !parked.contains(letter))
        .collect()
}

/// Removes the records that stay parked. They count as duplicates.
fn leave_parked(mut accepted: Accepted, number: usize, left_parked: &BTreeSet<Place>) -> Accepted {
    let before = accepted.indices.len();
    accepted.indices.retain(|index| !left_parked.contains(&(number, *index)));
    accepted.duplicates += (before - accepted.indices.len()) as u64;
    accepted
}

/// The number of a partition's records before `end`.
fn before_end(end: Option<Place>, number: usize) -> usize {
    match end {
        Some((partition, _)) if number > partition => 0,
        Some((partition, index)) if number == partition => index,
        _ => usize::MAX,
    }
}
