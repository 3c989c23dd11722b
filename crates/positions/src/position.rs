//! The position, and its two operations: `accept` decides which records of a delivery are new, `advance`
//! moves the position past them.

use std::ops::Range;

use crate::ranges::OffsetRanges;
use crate::samples::{Identity, Samples, stretch};

/// The maximum number of holes in a partition. If there are more, the oldest becomes part of the uncertain range.
pub const MAX_HOLES: usize = 64;

/// A consumer group's position in one partition. The default is the position in a partition that was never read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The watermark: one past the highest offset that was handled.
    pub next: i64,
    /// Offsets below the watermark that were never delivered.
    pub holes: OffsetRanges,
    /// Offsets for which it is no longer known whether they were delivered. Spans all holes that were dropped because
    /// of [`MAX_HOLES`]. Empty in nearly all positions.
    pub uncertain: Range<i64>,
    /// Offsets below the watermark that were parked and not stored since. A sink may load only those that a delivery
    /// needs.
    pub parked: OffsetRanges,
    /// A few remembered records, to notice a topic that was deleted and created again.
    pub samples: Samples,
    /// The number of resets. Records that were parked before a reset belong to an earlier topic of this name.
    pub incarnation: i64,
    /// The final watermarks of earlier incarnations. The sink still holds their records.
    pub earlier: Vec<i64>,
    /// The offset at which a recreated topic was noticed. Until a reset, records from Kafka are refused.
    pub recreated: Option<i64>,
}

/// Where the records of a delivery come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// From Kafka, through an event source mapping. The records are consecutive, so if an offset between two of them is
    /// missing, Kafka has no record at it.
    #[default]
    Kafka,
    /// From the dead letters, redriven by an operator. Any parked records of one incarnation, in order.
    Redrive {
        /// The incarnation in which the records were parked.
        incarnation: i64,
        /// Whether the operator has checked that the uncertain records are not stored yet.
        include_uncertain: bool,
    },
}

/// Why a redriven record stays with the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The record was parked before the position was reset.
    #[error("it was parked before the position was reset, so it belongs to an earlier topic of this name")]
    EarlierTopic,
    /// The record's offset is at or above the watermark.
    #[error("the sink has not read up to it yet, so Kafka will deliver it")]
    NotReached,
    /// The record's offset is in the uncertain range.
    #[error(
        "it may be stored already: look for its offset in the sink, then redrive it with --include-uncertain, or delete it"
    )]
    Uncertain,
}

/// The decision about the records of one delivery. Each record is in one of the lists, by its index in the delivery, or
/// is counted as a duplicate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Records to store, or to park if they cannot be decoded.
    pub indices: Vec<usize>,
    /// Records that may be stored already. The sink must park them, with [`UNCERTAIN`] as the reason.
    pub uncertain: Vec<usize>,
    /// Redriven records that stay parked, each with the reason.
    pub refused: Vec<(usize, Refusal)>,
    /// The number of records that were stored or parked before.
    pub duplicates: u64,
}

/// The reason with which a record of the uncertain range is parked.
pub const UNCERTAIN: &str = "so many deliveries of this partition are missing that their offsets are not remembered one by \
                             one any more; this record may be stored already";

/// A record that a commit stores or parks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handled {
    /// The record's index in the delivery.
    pub index: usize,
    /// The record's offset in Kafka.
    pub offset: i64,
    /// `true` if the record was parked, `false` if it was stored.
    pub parked: bool,
}

/// The record at a remembered offset is not the remembered record, so the topic was deleted and created again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record at offset {offset} is not the one that was stored from there: the topic was deleted and created again. \
     No record of it is stored until an operator checks `headwater offsets show` and runs `headwater offsets reset`"
)]
pub struct TopicRecreated {
    /// The offset of the record that differs.
    pub offset: i64,
}

impl Position {
    /// Decides about the records of one delivery. `offsets` must be ascending. `identity` returns the identity of the
    /// record at an index; it is called for few records, because it hashes the whole record.
    ///
    /// # Errors
    /// [`TopicRecreated`] if a record from Kafka differs from the remembered one at its offset, or if that was noticed
    /// before. The sink then stores no record and asks for a reset.
    pub fn accept(
        &self,
        origin: Origin,
        offsets: impl IntoIterator<Item = i64>,
        identity: impl Fn(usize) -> Identity,
    ) -> Result<Accepted, TopicRecreated> {
        if let (Origin::Kafka, Some(offset)) = (origin, self.recreated) {
            return Err(TopicRecreated { offset });
        }
        let mut accepted = Accepted::default();
        let mut previous = None;
        for (index, offset) in offsets.into_iter().enumerate() {
            if origin == Origin::Kafka
                && offset < self.next
                && self.samples.at(offset).is_some_and(|sample| sample != identity(index))
            {
                return Err(TopicRecreated { offset });
            }
            if previous.replace(offset) == Some(offset) {
                accepted.duplicates += 1;
                continue;
            }
            match self.verdict(origin, offset) {
                Verdict::Open => accepted.indices.push(index),
                Verdict::Handled => accepted.duplicates += 1,
                Verdict::Uncertain => accepted.uncertain.push(index),
                Verdict::Refused(refusal) => accepted.refused.push((index, refusal)),
            }
        }
        Ok(accepted)
    }

    /// The decision about one offset.
    fn verdict(&self, origin: Origin, offset: i64) -> Verdict {
        let parked = || self.parked.contains(offset);
        let uncertain = self.uncertain.contains(&offset);
        match origin {
            Origin::Kafka if offset >= self.next => Verdict::Open,
            Origin::Kafka if uncertain => {
                if parked() {
                    Verdict::Handled
                } else {
                    Verdict::Uncertain
                }
            }
            Origin::Redrive { incarnation, .. } if incarnation != self.incarnation => {
                Verdict::Refused(Refusal::EarlierTopic)
            }
            Origin::Redrive { .. } if offset >= self.next => Verdict::Refused(Refusal::NotReached),
            Origin::Redrive { include_uncertain: false, .. } if uncertain && parked() => {
                Verdict::Refused(Refusal::Uncertain)
            }
            _ if parked() || self.holes.contains(offset) => Verdict::Open,
            _ => Verdict::Handled,
        }
    }

    /// Moves the position past a delivery after all `handled` records were stored or parked. `delivered` is the range
    /// of the delivery's offsets, duplicates included. Returns how many holes were dropped.
    ///
    /// If the delivery starts above the watermark, the offsets between are a hole: a delivery that was given up and may
    /// be redelivered. A gap inside a delivery is not a hole, because Kafka had no record there.
    pub fn advance(
        &mut self,
        origin: Origin,
        delivered: &Range<i64>,
        handled: &[Handled],
        identity: impl Fn(usize) -> Identity,
    ) -> usize {
        if origin == Origin::Kafka && !delivered.is_empty() {
            self.holes.insert(self.next..delivered.start);
            self.holes.remove(delivered);
            self.next = self.next.max(delivered.end);
        }
        let mut sampled = 0..0;
        for &Handled { index, offset, parked } in handled {
            if origin != Origin::Kafka {
                self.holes.remove_one(offset);
            }
            if parked {
                self.parked.insert_one(offset);
            } else if !self.parked.is_empty() {
                self.parked.remove_one(offset);
            }
            // Offsets ascend, so only the first one of a stretch can be lower than the remembered one.
            if !sampled.contains(&offset) {
                sampled = stretch(offset);
                if self.samples.wants(offset) {
                    self.samples.remember(offset, identity(index));
                }
            }
        }
        self.forget_holes()
    }

    /// Keeps at most [`MAX_HOLES`] holes. The oldest ones become part of the uncertain range.
    fn forget_holes(&mut self) -> usize {
        let mut forgotten = 0;
        while self.holes.len() > MAX_HOLES {
            let Some(hole) = self.holes.pop_first() else { break };
            self.uncertain = if self.uncertain.is_empty() {
                hole
            } else {
                self.uncertain.start.min(hole.start)..self.uncertain.end.max(hole.end)
            };
            forgotten += 1;
        }
        if forgotten > 0 {
            self.holes.remove(&self.uncertain.clone());
        }
        forgotten
    }

    /// Returns the number of offsets between the watermark of `before` and the first offset delivered since. Some hold
    /// no record (transaction markers, compaction). The others hold records that this sink will not get: Lambda gave
    /// them up, or Kafka deleted them before they were read. Offsets before a sink's first delivery are not counted.
    #[must_use]
    pub fn skipped_since(&self, before: &Self) -> u64 {
        if before.next == 0 {
            return 0;
        }
        let hole = self.holes.iter().find(|hole| hole.contains(&before.next));
        hole.map_or(0, |hole| (hole.end - before.next).unsigned_abs())
    }

    /// Returns the position after an operator's reset: a partition never read, in the next incarnation.
    #[must_use]
    pub fn reset(&self) -> Self {
        let mut earlier = self.earlier.clone();
        if self.next > 0 {
            earlier.push(self.next);
        }
        Self { incarnation: self.incarnation.saturating_add(1), earlier, ..Self::default() }
    }

    /// Returns the position after `found` was noticed. It refuses every further delivery from Kafka, also one without a
    /// remembered record.
    #[must_use]
    pub fn of_recreated_topic(&self, found: &TopicRecreated) -> Self {
        Self { recreated: Some(self.recreated.unwrap_or(found.offset)), ..self.clone() }
    }

    /// Whether the sink received the record at this offset and did not park it. Offsets in the uncertain range count as
    /// received.
    #[must_use]
    pub fn is_stored(&self, offset: i64) -> bool {
        offset < self.next && !self.holes.contains(offset) && !self.parked.contains(offset)
    }

    /// Returns how many earlier incarnations may have stored a record at this offset.
    #[must_use]
    pub fn earlier_at(&self, offset: i64) -> usize {
        self.earlier.iter().filter(|&&next| offset < next).count()
    }
}

/// The decision about one delivered record.
enum Verdict {
    /// Store or park it.
    Open,
    Handled,
    Uncertain,
    /// Leave it with the dead letters.
    Refused(Refusal),
}

/// Returns the range from the first to the last offset of a delivery. The offsets must be ascending. Empty for no
/// offsets.
#[must_use]
pub fn span(mut offsets: impl DoubleEndedIterator<Item = i64>) -> Range<i64> {
    let Some(first) = offsets.next() else { return 0..0 };
    first..offsets.next_back().unwrap_or(first).saturating_add(1)
}
