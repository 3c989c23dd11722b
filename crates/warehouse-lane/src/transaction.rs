//! The transaction: lock the positions, store the new records, save the positions. Records are parked before the
//! transaction and not within it. So a slow S3 does not make others wait for the locks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dead_letters::{DeadLetters, ParkedRecord};
use function_kit::delivery::{Settled, accept, advance, settle};
use kafka_batch::{BatchOutcome, Fault, PartitionRecords, Tally};
use positions::{Accepted, Handled, TopicRecreated, UNCERTAIN};
use tokio::time::Instant;
use warehouse::ledger::{self, LedgerEntry, Saved};
use warehouse::search::{Refusal, Storable, search};
use warehouse::{Client, Warehouse, WarehouseError};

use crate::decoded::{DecodedRecords, RecordIndex};
use crate::error::LaneError;
use crate::known::{Found, Known, Refused, Suspects};

/// How often a batch is searched for records that the table refuses, before it is given back for redelivery.
const MOST_SEARCHES: u32 = 4;

/// The decoded records of a topic in a batch, for the search.
struct Records<'a, D>(&'a D);

impl<D: DecodedRecords> Storable for Records<'_, D> {
    type Index = RecordIndex;
    type Fault = LaneError;

    async fn store(&self, client: &Client, places: &[RecordIndex]) -> Result<(), LaneError> {
        self.0.store(client, places).await.map(drop)
    }
}

/// The records to park: place, incarnation of the partition's position, and reason.
type Unparked = BTreeMap<(RecordIndex, i64), String>;

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

/// The database, and the dead letters of what it cannot take.
pub(crate) struct WarehouseSink {
    pub(crate) lane: &'static str,
    pub(crate) warehouse: Warehouse,
    pub(crate) dead_letters: DeadLetters,
}

/// The input of a transaction.
pub(crate) struct Delivery<'a, D> {
    pub(crate) sink: &'a WarehouseSink,
    pub(crate) group: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) partitions: &'a [PartitionRecords<'a>],
    pub(crate) decoded: &'a D,
    /// When the function must be done. The transaction ends soon after it on the server.
    pub(crate) deadline: Instant,
}

/// What made a transaction fail.
enum Blame {
    /// The rows: the statement that stores them failed, or a constraint failed at the commit.
    Rows(LaneError),
    /// Something else, such as the connection.
    Other(LaneError),
}

impl<D: DecodedRecords> Delivery<'_, D> {
    /// Stores the new records of the partitions, and adds the result to `outcome`.
    ///
    /// # Errors
    /// The batch must be redelivered. If the answer to the COMMIT was lost, its records can be stored all the same; the
    /// positions then make them duplicates. Records may have been parked; the next delivery parks them again.
    pub(crate) async fn store(&self, outcome: &mut BatchOutcome) -> Result<(), LaneError> {
        let mut known = Known::default();
        let done = loop {
            let run = self
                .sink
                .warehouse
                .run("store a batch", self.deadline, async |client| self.attempt(client, &known).await);
            match Box::pin(run).await? {
                Attempt::Done(done) => break done,
                Attempt::Park(unparked) => {
                    self.park(&unparked).await?;
                    known.parked.extend(unparked.into_keys());
                }
                // The table accepted these records one by one, but refuses them in one statement.
                Attempt::Search(..) if !known.in_runs && !known.runs.is_empty() => known.in_runs = true,
                Attempt::Search(_, error) if known.searches == MOST_SEARCHES => {
                    return Err(LaneError::Unsteady(error.reason()));
                }
                Attempt::Search(suspects, _) => {
                    let found = Box::pin(self.search(&suspects)).await?;
                    known.learn(&suspects, found);
                }
            }
        };
        outcome.count("ExtraFields", self.decoded.extra_fields());
        outcome.count("RecordsRepeated", done.unchanged);
        outcome.count("HolesForgotten", done.holes_forgotten);
        outcome.count("OffsetsSkipped", done.offsets_skipped);
        let (whole, rest) = self.partitions.split_at(done.results.len());
        settle(outcome, whole, &done.results);
        if !rest.is_empty() {
            let message = "out of time while looking for records that the table cannot hold; the next delivery goes on \
                           from there";
            outcome.retry(rest.iter().copied(), Fault { needs_action: false, message: message.to_owned() });
        }
        Ok(())
    }

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
        let is_parked = |&(number, index): &RecordIndex| {
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
            async { self.store_records(client, &good, known).await.map_err(Blame::Rows) },
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
    async fn store_records(
        &self,
        client: &Client,
        good: &[RecordIndex],
        known: &Known,
    ) -> Result<u64, LaneError> {
        if good.is_empty() {
            return Ok(0);
        }
        if !known.in_runs {
            return self.decoded.store(client, good).await;
        }
        // Records that another writer stored in the meantime are left out. Records in no run come last.
        let mut left: BTreeSet<RecordIndex> = good.iter().copied().collect();
        let mut runs: Vec<Vec<RecordIndex>> = known.runs.clone();
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
        let run = self.sink.warehouse.run("search for unstorable records", self.deadline, async |client| {
            let left: Duration = self.deadline.saturating_duration_since(Instant::now());
            search(client, &Records(self.decoded), &places, Instant::now() + left / 2, self.deadline).await
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
    ) -> (Vec<RecordIndex>, Refused) {
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
        entries: Vec<LedgerEntry>,
        accepted: Vec<Result<Accepted, TopicRecreated>>,
        refused: &Refused,
        end: Option<RecordIndex>,
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
fn unparked(parked: &BTreeSet<(RecordIndex, i64)>, entries: &[LedgerEntry], refused: &Refused) -> Unparked {
    refused
        .iter()
        .map(|(place, reason)| ((*place, entries[place.0].position.incarnation), reason.clone()))
        .filter(|(letter, _)| !parked.contains(letter))
        .collect()
}

/// Removes the records that stay parked. They count as duplicates.
fn leave_parked(mut accepted: Accepted, number: usize, left_parked: &BTreeSet<RecordIndex>) -> Accepted {
    let before = accepted.indices.len();
    accepted.indices.retain(|index| !left_parked.contains(&(number, *index)));
    accepted.duplicates += (before - accepted.indices.len()) as u64;
    accepted
}

/// The number of a partition's records before `end`.
fn before_end(end: Option<RecordIndex>, number: usize) -> usize {
    match end {
        Some((partition, _)) if number > partition => 0,
        Some((partition, index)) if number == partition => index,
        _ => usize::MAX,
    }
}
