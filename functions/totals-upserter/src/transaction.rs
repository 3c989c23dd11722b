//! One transaction: positions locked, what is new added to the totals, poison parked, positions saved.

use std::collections::BTreeMap;

use dead_letters::{DeadLetters, ParkedRecord};
use faults::{Classified, FaultClass};
use kafka_batch::{PartitionRecords, Tally};
use objects::StoreError;
use positions::{Accepted, Arrival, Handled, TopicRecreated};
use tokio::time::Instant;
use warehouse::ledger::{self, Entry, Saved};
use warehouse::{Client, TotalsTable, WarehouseError};

use crate::counted::{Counted, Fate, TopicSums};

/// The name under which this function parks.
const LANE: &str = "totals-upserter";

/// Why a batch was not counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    #[error("parking: {0}")]
    Parking(#[from] StoreError),
    /// Sums of the batch itself pass 128 bits.
    #[error("the sums of the batch are too large to be added at once")]
    TooLarge,
}

impl Classified for CountError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Warehouse(error) => error.class(),
            Self::Parking(error) => error.class(),
            Self::TooLarge => FaultClass::Poison,
        }
    }
}

impl CountError {
    /// Whether single records are at fault, which a careful transaction can tell apart.
    pub(crate) fn is_unholdable(&self) -> bool {
        match self {
            Self::Warehouse(error) => error.is_unholdable(),
            Self::Parking(_) => false,
            Self::TooLarge => true,
        }
    }
}

/// What a transaction works on.
pub(crate) struct Work<'a> {
    pub(crate) group: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) table: &'a TotalsTable,
    pub(crate) sums: &'a TopicSums,
    pub(crate) dead_letters: &'a DeadLetters,
    pub(crate) partitions: &'a [PartitionRecords<'a>],
    pub(crate) counted: &'a Counted,
    pub(crate) deadline: Instant,
}

/// What became of each partition, and how many holes were forgotten.
pub(crate) type Done = (Vec<Result<Tally, TopicRecreated>>, u64);

/// Poison by the record's place: partition and index.
type Refused = BTreeMap<(usize, usize), String>;

impl Work<'_> {
    /// Runs the transaction. `careful` adds key by key, and where Postgres cannot hold a key's sum record by record, so
    /// that only the records at fault are parked.
    pub(crate) async fn run(&self, client: &Client, careful: bool) -> Result<Done, CountError> {
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
        let accepted: Vec<_> =
            entries.iter().zip(self.partitions).map(|(entry, partition)| accept(entry, *partition)).collect();
        let mut refused = self.poison(&accepted);
        let mut rows = Vec::new();
        if careful {
            self.add_carefully(client, &accepted, &mut refused).await?;
        } else {
            rows = self.rows(&accepted)?;
        }
        self.park(&refused).await?;
        let (saved, results) = self.positions(entries, accepted, &refused);
        let forgotten = saved.iter().map(|one| one.forgotten.unsigned_abs()).sum();
        if saved.is_empty() {
            client
                .batch_execute("ROLLBACK")
                .await
                .map_err(WarehouseError::statement("end the transaction"))?;
            return Ok((results, forgotten));
        }
        let commit = client.batch_execute("COMMIT");
        // Polled together, they travel together; a failed one makes the commit a rollback.
        tokio::try_join!(
            biased;
            async { if rows.is_empty() { Ok(()) } else { self.table.add(client, &rows).await } },
            ledger::save(client, self.group, &saved),
            async { commit.await.map_err(WarehouseError::statement("commit")) },
        )?;
        Ok((results, forgotten))
    }

    /// Each key with the sum of what is new, in the order of the keys.
    fn rows(
        &self,
        accepted: &[Result<Accepted, TopicRecreated>],
    ) -> Result<Vec<(Vec<String>, String)>, CountError> {
        let mut sums = vec![(0_i128, false); self.counted.keys.len()];
        for (fates, accepted) in self.counted.fates.iter().zip(accepted) {
            for &index in accepted.iter().flat_map(|accepted| &accepted.indices) {
                if let Fate::Amount { key, amount } = fates[index] {
                    let sum = &mut sums[key as usize];
                    *sum = (sum.0.checked_add(amount).ok_or(CountError::TooLarge)?, true);
                }
            }
        }
        let mut rows: Vec<_> = self
            .counted
            .keys
            .iter()
            .zip(sums)
            .filter(|(_, (_, met))| *met)
            .map(|(key, (sum, _))| (key.clone(), self.sums.amount_text(sum)))
            .collect();
        rows.sort_unstable();
        Ok(rows)
    }

    async fn add_carefully(
        &self,
        client: &Client,
        accepted: &[Result<Accepted, TopicRecreated>],
        refused: &mut Refused,
    ) -> Result<(), CountError> {
        let mut by_key: BTreeMap<&[String], Vec<(usize, usize, i128)>> = BTreeMap::new();
        for (number, accepted) in accepted.iter().enumerate() {
            for &index in accepted.iter().flat_map(|accepted| &accepted.indices) {
                if let Fate::Amount { key, amount } = self.counted.fates[number][index] {
                    by_key.entry(&self.counted.keys[key as usize]).or_default().push((number, index, amount));
                }
            }
        }
        for (key, records) in by_key {
            let sum = records.iter().try_fold(0_i128, |sum, (_, _, amount)| sum.checked_add(*amount));
            if let Some(sum) = sum
                && self.try_add(client, key, sum).await?.is_ok()
            {
                continue;
            }
            for (number, index, amount) in records {
                if let Err(reason) = self.try_add(client, key, amount).await? {
                    refused.insert((number, index), format!("the totals table cannot hold it: {reason}"));
                }
            }
        }
        Ok(())
    }

    /// Adds to one key; the inner error is Postgres' reason why it never can.
    async fn try_add(
        &self,
        client: &Client,
        key: &[String],
        amount: i128,
    ) -> Result<Result<(), String>, CountError> {
        let failed = || WarehouseError::statement("add carefully");
        client.batch_execute("SAVEPOINT careful").await.map_err(failed())?;
        match self.table.add(client, &[(key.to_vec(), self.sums.amount_text(amount))]).await {
            Ok(()) => {
                client.batch_execute("RELEASE SAVEPOINT careful").await.map_err(failed())?;
                Ok(Ok(()))
            }
            Err(error) if error.is_unholdable() => {
                client.batch_execute("ROLLBACK TO SAVEPOINT careful").await.map_err(failed())?;
                Ok(Err(error.server_message()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn poison(&self, accepted: &[Result<Accepted, TopicRecreated>]) -> Refused {
        let mut refused = Refused::new();
        for (number, accepted) in accepted.iter().enumerate() {
            for &index in accepted.iter().flat_map(|accepted| &accepted.indices) {
                if let Fate::Poison(poison) = &self.counted.fates[number][index] {
                    refused.insert((number, index), poison.0.clone());
                }
            }
        }
        refused
    }

    async fn park(&self, refused: &Refused) -> Result<(), CountError> {
        for (number, partition) in self.partitions.iter().enumerate() {
            let records: Vec<_> = refused
                .range((number, 0)..(number + 1, 0))
                .map(|((_, index), reason)| {
                    let record = partition.get(*index);
                    ParkedRecord::of_kafka(LANE, partition, &record, reason, self.fingerprint)
                })
                .collect();
            self.dead_letters.park(partition, &records, self.deadline).await?;
        }
        Ok(())
    }

    fn positions(
        &self,
        entries: Vec<Entry>,
        accepted: Vec<Result<Accepted, TopicRecreated>>,
        refused: &Refused,
    ) -> (Vec<Saved>, Vec<Result<Tally, TopicRecreated>>) {
        let (mut saved, mut results) = (Vec::new(), Vec::new());
        for (number, (before, accepted)) in entries.into_iter().zip(accepted).enumerate() {
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(recreated) => {
                    results.push(Err(recreated));
                    continue;
                }
            };
            let mut tally = Tally { duplicates: accepted.duplicates, ..Tally::default() };
            let mut handled = Vec::with_capacity(accepted.indices.len());
            for index in accepted.indices {
                let Arrival { offset, timestamp_ms } = arrival(self.partitions[number], index);
                let parked = refused.contains_key(&(number, index));
                *(if parked { &mut tally.parked } else { &mut tally.stored }) += 1;
                handled.push(Handled { offset, timestamp_ms, parked });
            }
            results.push(Ok(tally));
            let mut after = before.position.clone();
            let forgotten = i64::try_from(after.advance(handled)).unwrap_or(i64::MAX);
            if after != before.position {
                let stored = i64::try_from(tally.stored).unwrap_or(i64::MAX);
                saved.push(Saved { before, after, stored, forgotten });
            }
        }
        (saved, results)
    }
}

fn arrival(partition: PartitionRecords<'_>, index: usize) -> Arrival {
    let record = partition.get(index);
    Arrival { offset: record.offset(), timestamp_ms: record.timestamp_ms() }
}

fn accept(entry: &Entry, partition: PartitionRecords<'_>) -> Result<Accepted, TopicRecreated> {
    entry.position.accept((0..partition.len()).map(|index| arrival(partition, index)))
}
