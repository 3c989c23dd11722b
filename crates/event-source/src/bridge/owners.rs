//! Assigns partitions to pollers.

use std::collections::BTreeMap;

use crate::{PAYLOAD_LIMIT, Poller};

/// The index of each partition's poller.
///
/// A partition moves to another poller only while none of its records is in flight or waits for a retry. A revoked
/// partition stays with its poller until its last batch is answered. So a partition is never in two invocations of this
/// bridge at the same time.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<i32, usize>);

impl Owners {
    /// Returns the index of the poller that delivers `partition`. A new partition goes to the poller of the first known
    /// partition, until [`Owners::share`] moves it.
    pub(super) fn of(&mut self, partition: i32) -> usize {
        let beside = self.0.values().next().copied().unwrap_or(0);
        *self.0.entry(partition).or_insert(beside)
    }

    /// Adapts the number of working pollers to the work. An idle poller gives its partitions to a working one, so that
    /// records which arrive slowly share an invocation. A poller that has a full batch waiting and more than one
    /// partition gives one partition to an idle poller.
    pub(super) fn share(&mut self, pollers: &mut [Poller], batch_size: usize) {
        let home = (0..pollers.len()).find(|index| !pollers[*index].is_empty()).unwrap_or(0);
        for giver in 0..pollers.len() {
            if giver != home && pollers[giver].is_empty() {
                let partitions: Vec<i32> = pollers[giver].movable().map(|(partition, _)| partition).collect();
                for partition in partitions {
                    self.move_one(pollers, partition, giver, home);
                }
            }
        }
        while let Some(taker) = (0..pollers.len()).find(|index| pollers[*index].is_empty()) {
            let spare =
                (0..pollers.len()).find_map(|giver| Some((giver, spare(&pollers[giver], batch_size)?)));
            let Some((giver, partition)) = spare else { return };
            self.move_one(pollers, partition, giver, taker);
        }
    }

    /// Moves a partition with its waiting records.
    fn move_one(&mut self, pollers: &mut [Poller], partition: i32, giver: usize, taker: usize) {
        if let Ok([giver, other]) = pollers.get_disjoint_mut([giver, taker]) {
            giver.move_to(partition, other);
            self.0.insert(partition, taker);
        }
    }

    /// Removes the partitions that are no longer assigned and have no records in flight.
    pub(super) fn release(&mut self, pollers: &[Poller]) {
        self.0.retain(|partition, owner| {
            let poller = &pollers[*owner];
            poller.is_busy() || poller.progress().contains_key(partition)
        });
    }
}

/// The partition that a poller can give away, if a full batch waits that it cannot deliver now. It is the movable
/// partition with the fewest records.
fn spare(poller: &Poller, batch_size: usize) -> Option<i32> {
    let (mut records, mut bytes) = (0, 0);
    for (_, queued, size) in poller.buffered() {
        records += queued;
        bytes += size;
    }
    let movable = || poller.movable().filter(|(_, records)| *records > 0);
    let ready = records >= batch_size || bytes >= PAYLOAD_LIMIT;
    // A poller without a batch in flight keeps at least one partition.
    let enough = ready && (poller.is_busy() || movable().count() > 1);
    movable().filter(|_| enough).min_by_key(|(_, records)| *records).map(|(partition, _)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backoff, Outcome, Record, Rules, Step};

    fn pollers(count: usize) -> Vec<Poller> {
        let rules = Rules {
            topic: "t".to_owned(),
            batch_size: 1,
            window_ms: 0,
            payload_limit: 1_000_000,
            envelope_bytes: 0,
            bisect: false,
            maximum_retries: None,
            maximum_record_age_ms: None,
            backoff: Backoff::default(),
        };
        (0..count).map(|_| Poller::new(rules.clone())).collect()
    }

    fn record(partition: i32) -> Record {
        Record { partition, offset: 0, timestamp_ms: 0, key: None, value: None, headers: Vec::new() }
    }

    /// Pollers whose first one has `each` records in each of the `partitions`; no batch was delivered yet.
    fn offered(partitions: &[i32], each: usize) -> Vec<Poller> {
        let mut pollers = pollers(3);
        for offset in (0..each).filter_map(|offset| i64::try_from(offset).ok()) {
            for partition in partitions {
                pollers[0].offer(Record { offset, ..record(*partition) }, 0);
            }
        }
        pollers
    }

    fn owners(partitions: &[i32]) -> Owners {
        let mut owners = Owners::default();
        for partition in partitions {
            assert_eq!(owners.of(*partition), 0);
        }
        owners
    }

    fn batch(step: Step) -> Vec<(i32, i64)> {
        let Step::Invoke(batch) = step else { panic!("{step:?}") };
        batch.records.iter().map(|record| (record.partition, record.offset)).collect()
    }

    #[test]
    fn a_backlog_is_shared_by_all_pollers_and_each_partition_keeps_its_order() {
        let (mut pollers, mut owners) = (offered(&[0, 3, 6], 2), owners(&[0, 3, 6]));
        owners.share(&mut pollers, 1);
        for offset in 0..2 {
            let mut partitions: Vec<_> =
                pollers.iter_mut().flat_map(|poller| batch(poller.step(0))).collect();
            partitions.sort_unstable();
            assert_eq!(partitions, [(0, offset), (3, offset), (6, offset)]);
            owners.share(&mut pollers, 1);
            for poller in &mut pollers {
                poller.finish(Outcome::Handled, 0);
            }
        }
    }

    #[test]
    fn records_that_come_slowly_share_their_invocations() {
        let (mut pollers, mut owners) = (offered(&[0, 3, 6], 2), owners(&[0, 3, 6]));
        owners.share(&mut pollers, 7);
        assert!([1, 2].into_iter().all(|index| pollers[index].is_empty()));
        owners.share(&mut pollers, 1);
        for poller in &mut pollers {
            while matches!(poller.step(0), Step::Invoke(_)) {
                poller.finish(Outcome::Handled, 0);
            }
        }
        owners.share(&mut pollers, 1);
        assert_eq!([0, 3, 6, 9].map(|partition| owners.of(partition)), [0, 0, 0, 0]);
        assert_eq!(pollers[0].progress().into_iter().collect::<Vec<_>>(), [(0, 2), (3, 2), (6, 2)]);
    }

    /// Otherwise there would always be room for the records of some partition, and the full one would be paused
    /// repeatedly.
    #[test]
    fn partitions_without_records_go_to_the_poller_that_works() {
        let (mut pollers, mut owners) = (offered(&[0, 3], 2), owners(&[0, 3, 6]));
        pollers[0].advance(6, 5);
        owners.share(&mut pollers, 1);
        while matches!(pollers[0].step(0), Step::Invoke(_)) {
            pollers[0].finish(Outcome::Handled, 0);
        }
        let works = owners.of(0);
        assert_eq!(works, 1);
        owners.share(&mut pollers, 1);
        assert_eq!([0, 3, 6, 9].map(|partition| owners.of(partition)), [works; 4]);
        assert_eq!(pollers[0].buffered().count(), 0);
        assert_eq!(pollers[works].progress()[&6], 5);
    }

    #[test]
    fn partitions_with_records_in_flight_or_waiting_for_a_retry_are_not_moved() {
        let (mut pollers, mut owners) = (offered(&[7], 2), owners(&[7]));
        assert_eq!(batch(pollers[0].step(0)), [(7, 0)]);
        owners.share(&mut pollers, 1);
        assert_eq!(owners.of(7), 0);
        pollers[0].finish(Outcome::Failed("no".to_owned()), 0);
        owners.share(&mut pollers, 1);
        assert_eq!(owners.of(7), 0);
        assert_eq!(pollers[0].progress()[&7], 0);
    }

    #[test]
    fn a_revoked_partition_stays_with_its_poller_until_its_batch_has_landed() {
        let (mut pollers, mut owners) = (offered(&[7, 8], 1), owners(&[7, 8]));
        owners.share(&mut pollers, 1);
        let owner = owners.of(7);
        assert_eq!((owner, batch(pollers[owner].step(0))), (1, vec![(7, 0)]));
        pollers[owner].revoke(7);
        owners.release(&pollers);
        assert_eq!(owners.of(7), owner);
        pollers[owner].finish(Outcome::Handled, 0);
        owners.release(&pollers);
        assert_eq!(owners.of(7), 0);
    }
}
