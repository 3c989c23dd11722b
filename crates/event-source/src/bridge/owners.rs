//! Which poller delivers which partition.

use std::collections::BTreeMap;

use crate::Poller;

/// The poller of each partition, by its index.
///
/// A partition stays with its poller until it is revoked and the last batch that was cut before is answered. So a partition is
/// never in two invocations of this bridge at the same time.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<i32, usize>);

impl Owners {
    /// Returns the poller that delivers `partition`. A partition without a poller is assigned to the poller with the
    /// fewest partitions.
    pub(super) fn of(&mut self, partition: i32, pollers: &[Poller]) -> usize {
        if let Some(&owner) = self.0.get(&partition) {
            return owner;
        }
        let held = |index: usize| self.0.values().filter(|owner| **owner == index).count();
        let load = |index: &usize| (held(*index), pollers[*index].is_busy());
        let owner = (0..pollers.len()).min_by_key(load).unwrap_or(0);
        self.0.insert(partition, owner);
        owner
    }

    /// Frees the partitions that are no longer assigned and not on their way.
    pub(super) fn release(&mut self, pollers: &[Poller]) {
        self.0.retain(|partition, owner| {
            let poller = &pollers[*owner];
            poller.is_busy() || poller.progress().contains_key(partition)
        });
    }
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

    #[test]
    fn every_poller_gets_a_partition_whatever_their_numbers_are() {
        let (pollers, mut owners) = (pollers(3), Owners::default());
        let mut of: Vec<usize> = [0, 3, 6].iter().map(|partition| owners.of(*partition, &pollers)).collect();
        of.sort_unstable();
        assert_eq!(of, [0, 1, 2]);
    }

    #[test]
    fn a_revoked_partition_stays_with_its_poller_until_its_batch_has_landed() {
        let (mut pollers, mut owners) = (pollers(2), Owners::default());
        let owner = owners.of(7, &pollers);
        pollers[owner].offer(record(7), 0);
        assert!(matches!(pollers[owner].step(0), Step::Invoke(_)));
        pollers[owner].revoke(7);
        owners.release(&pollers);
        assert_eq!(owners.of(7, &pollers), owner);
        pollers[owner].finish(Outcome::Handled, 0);
        owners.release(&pollers);
        // The poller is free for another partition.
        assert_eq!((owners.of(8, &pollers), owners.of(7, &pollers)), (0, 1));
    }
}
