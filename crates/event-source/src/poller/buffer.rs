//! Records that have arrived but are not in a batch yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Record;

use super::rules::Rules;

/// The records of one assigned partition.
#[derive(Debug)]
pub(super) struct Partition {
    /// Changes when the partition is revoked or its log is rewound. Batches of an earlier generation are invalid.
    pub(super) generation: u64,
    /// The consumer's next offset: after the newest record, and after offsets without a record.
    pub(super) end: i64,
    /// The records, in the order of their offsets.
    pub(super) queue: VecDeque<Queued>,
    /// The size of all records in `queue`, in bytes of the event.
    pub(super) bytes: usize,
}

/// A record that waits for its batch.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) record: Record,
    /// The record's size in bytes of the event.
    pub(super) bytes: usize,
    /// The order of arrival across all partitions.
    pub(super) sequence: u64,
    /// When the record arrived, in milliseconds since the Unix epoch.
    pub(super) arrived_ms: i64,
}

/// The waiting records of all assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// The assigned partitions by number, also those without records.
    pub(super) partitions: BTreeMap<i32, Partition>,
    /// The sequence of the next record.
    next_sequence: u64,
    /// The last generation that was used. Generations are never used again, so a batch of a revoked partition stays
    /// invalid after the partition comes back.
    next_generation: u64,
}

/// The records that are ready for the next batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    /// The number of records.
    pub(super) records: usize,
    /// Their size in bytes of the event, with the keys of their partitions.
    pub(super) bytes: usize,
    /// When the oldest of these records arrived.
    pub(super) oldest_ms: i64,
}

impl Buffer {
    /// Adds a record. If its offset is not higher than the newest one, the log was rewound: all earlier records of the
    /// partition become invalid, and reading restarts at this record.
    pub(super) fn push(&mut self, record: Record, bytes: usize, now_ms: i64) {
        let number = record.partition;
        if self.partitions.get(&number).is_none_or(|partition| record.offset < partition.end) {
            self.begin(number, record.offset);
        }
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.end = record.offset.saturating_add(1);
            partition.bytes += bytes;
            partition.queue.push_back(Queued {
                record,
                bytes,
                sequence: self.next_sequence,
                arrived_ms: now_ms,
            });
            self.next_sequence += 1;
        }
    }

    /// Moves a partition's end forward to `next`. It never moves back, because a rewound log is detected by its
    /// records.
    pub(super) fn advance(&mut self, number: i32, next: i64) {
        match self.partitions.get_mut(&number) {
            Some(partition) => partition.end = partition.end.max(next),
            None => self.begin(number, next),
        }
    }

    /// Removes a partition and returns it with its records.
    pub(super) fn take(&mut self, number: i32) -> Option<Partition> {
        self.partitions.remove(&number)
    }

    /// Adds a partition from another buffer. Its records are ordered after the records that are already here.
    pub(super) fn put(&mut self, number: i32, mut partition: Partition) {
        self.next_generation += 1;
        partition.generation = self.next_generation;
        for queued in &mut partition.queue {
            queued.sequence = self.next_sequence;
            self.next_sequence += 1;
        }
        self.partitions.insert(number, partition);
    }

    /// Starts a partition without records at `offset`, in a new generation.
    fn begin(&mut self, number: i32, offset: i64) {
        self.next_generation += 1;
        let generation = self.next_generation;
        let partition = Partition { generation, end: offset, queue: VecDeque::new(), bytes: 0 };
        self.partitions.insert(number, partition);
    }

    /// The partition's current generation; `None` if it is not assigned.
    pub(super) fn generation(&self, partition: i32) -> Option<u64> {
        self.partitions.get(&partition).map(|partition| partition.generation)
    }

    /// The records that are ready, without those of the `held` partitions. `None` if there are none.
    pub(super) fn fill(&self, held: &BTreeSet<i32>, rules: &Rules) -> Option<Fill> {
        let mut fill: Option<Fill> = None;
        for (_, partition) in self.free(held) {
            let Some(front) = partition.queue.front() else { continue };
            let so_far = fill.get_or_insert(Fill { records: 0, bytes: 0, oldest_ms: front.arrived_ms });
            so_far.records += partition.queue.len();
            so_far.bytes += partition.bytes + rules.partition_bytes();
            so_far.oldest_ms = so_far.oldest_ms.min(front.arrived_ms);
        }
        fill
    }

    /// Removes the records of the next batch, in the order of their arrival and up to the limits. A record that is
    /// larger than the payload limit is returned alone.
    pub(super) fn cut(&mut self, held: &BTreeSet<i32>, rules: &Rules) -> Vec<Record> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut seen = BTreeSet::new();
        loop {
            // Take records of the partition with the oldest front record, until another partition's front record is
            // older.
            let mut fronts: Vec<_> = self
                .free(held)
                .filter_map(|(number, partition)| Some((partition.queue.front()?.sequence, number)))
                .collect();
            fronts.sort_unstable();
            let Some(&(_, number)) = fronts.first() else { return batch };
            let turn_ends = fronts.get(1).map_or(u64::MAX, |(sequence, _)| *sequence);
            let Some(partition) = self.partitions.get_mut(&number) else { return batch };
            let key_bytes = if seen.insert(number) { rules.partition_bytes() } else { 0 };
            bytes += key_bytes;
            while let Some(front) = partition.queue.front().filter(|front| front.sequence < turn_ends) {
                if batch.len() >= rules.batch_size
                    || (!batch.is_empty() && bytes + front.bytes > rules.room())
                {
                    return batch;
                }
                bytes += front.bytes;
                partition.bytes -= front.bytes;
                if let Some(queued) = partition.queue.pop_front() {
                    batch.push(queued.record);
                }
            }
        }
    }

    /// The partitions that are not held by a waiting batch.
    fn free<'a>(&'a self, held: &'a BTreeSet<i32>) -> impl Iterator<Item = (i32, &'a Partition)> {
        self.partitions
            .iter()
            .map(|(number, partition)| (*number, partition))
            .filter(|(number, _)| !held.contains(number))
    }
}
