//! One transaction: positions locked, what is new stored, positions saved. Poison is parked before it, not within it: while
//! S3 is slow, nobody waits for the locks.

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

/// How often records are looked through for what the table cannot hold before the batch comes again.
const MOST_SEARCHES: u32 = 4;

/// The good records of a topic's part of a batch.
struct Records<'a, D>(&'a D);

impl<D: DecodedRecords> Storable for Records<'_, D> {
    type Index = RecordIndex;
    type Fault = LaneError;

    async fn store(&self, client: &Client, places: &[RecordIndex]) -> Result<(), LaneError> {
        self.0.store(client, places).await.map(drop)
    }
}

/// What must be parked: the place, the incarnation of the partition's position, and why.
type Unparked = BTreeMap<(RecordIndex, i64), String>;

/// What a transaction did.
struct Done {
    /// What became of each partition that was handled whole: all of them, or the first ones.
    results: Vec<Result<Settled, TopicRecreated>>,
    /// Records that left the table as it was.
    unchanged: u64,
    holes_forgotten: u64,
    offsets_skipped: u64,
}

/// How a transaction ended.
enum Attempt {
    /// Committed.
    Done(Done),
    /// Rolled back: these must be parked first.
    Park(Unparked),
    /// Rolled back: of these the table cannot hold some.
    Search(Suspects, LaneError),
}

/// The database, and the dead letters of what it cannot take.
pub(crate) struct WarehouseSink {
    pub(crate) lane: &'static str,
    pub(crate) warehouse: Warehouse,
    pub(crate) dead_letters: DeadLetters,
}

/// One delivery of a topic's records: what its transactions work on.
pub(crate) struct Delivery<'a, D> {
    pub(crate) sink: &'a WarehouseSink,
    /// The consumer group.
    pub(crate) group: &'a str,
    /// Of the pipeline file.
    pub(crate) fingerprint: &'a str,
    /// All of one topic.
    pub(crate) partitions: &'a [PartitionRecords<'a>],
    /// The records of `partitions`.
    pub(crate) decoded: &'a D,
    pub(crate) deadline: Instant,
}

/// Whose fault a failed transaction is.
enum Blame {
    /// The rows': the statement that stores them failed, or a constraint at the commit.
    Rows(LaneError),
    /// Anything else's.
    Other(LaneError),
}

impl<D: DecodedRecords> Delivery<'_, D> {
    /// Stores what is new of the partitions, and tells `outcome` what became of them.
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
                // The table took these records one by one, but refuses them in one statement.
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

    /// Runs the transaction, unless something must be parked before it.
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
        // Polled together, they travel together; a failed one makes the commit a rollback.
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

    /// Stores `good`, in one statement if it may be. Returns how many records left the table as it was.
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
        // What somebody else stored meanwhile is left out, and what is new in the meantime comes last.
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

    /// Looks for what the table cannot hold. Half of the time is kept for parking and storing.
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

    /// The first partition that must come again. A record that stays parked is no reason, unless it is redriven: its letter
    /// must not be deleted.
    fn first_unfinished(&self, known: &Known) -> Option<usize> {
        let redriven = known.left_parked.iter().map(|(number, _)| *number);
        let mut redriven = redriven.filter(|number| self.partitions[*number].redrive().is_some());
        known.end.map(|(number, _)| number).into_iter().chain(redriven.next()).min()
    }

    /// The places of what is new and good, and of what is new and poison.
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

/// What must be parked before the records can be stored: those of `refused` that were not parked yet, or in an earlier
/// incarnation of their position only.
fn unparked(parked: &BTreeSet<(RecordIndex, i64)>, entries: &[LedgerEntry], refused: &Refused) -> Unparked {
    refused
        .iter()
        .map(|(place, reason)| ((*place, entries[place.0].position.incarnation), reason.clone()))
        .filter(|(letter, _)| !parked.contains(letter))
        .collect()
}

/// Without the records that stay parked, which count as handled before.
fn leave_parked(mut accepted: Accepted, number: usize, left_parked: &BTreeSet<RecordIndex>) -> Accepted {
    let before = accepted.indices.len();
    accepted.indices.retain(|index| !left_parked.contains(&(number, *index)));
    accepted.duplicates += (before - accepted.indices.len()) as u64;
    accepted
}

/// How many of a partition's records lie before `end`.
fn before_end(end: Option<RecordIndex>, number: usize) -> usize {
    match end {
        Some((partition, _)) if number > partition => 0,
        Some((partition, index)) if number == partition => index,
        _ => usize::MAX,
    }
}
