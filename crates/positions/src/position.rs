//! The position and its two moves: which records of a delivery to accept, and what they leave behind.

use std::ops::Range;

use crate::ranges::OffsetRanges;
use crate::samples::{Identity, Samples, stretch};

/// How many holes a partition keeps. Past it the oldest becomes part of the uncertain range.
pub const MAX_HOLES: usize = 64;

/// A consumer group's position in one partition. The default is that of a partition never read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The watermark: one past the highest offset that was handled.
    pub next: i64,
    /// Offsets below the watermark that were never delivered.
    pub holes: OffsetRanges,
    /// Offsets of which it is not known any more whether they were delivered: from the first to the last of the holes that
    /// had to be forgotten.
    pub uncertain: Range<i64>,
    /// Offsets below the watermark that were parked and not stored since. May hold only those that a delivery asks about.
    pub parked: OffsetRanges,
    /// Records that are remembered in order to notice a topic that was deleted and created again.
    pub samples: Samples,
    /// How often the position was reset: letters parked before a reset are of another topic.
    pub incarnation: i64,
    /// The watermarks at which earlier incarnations ended. The sink still holds their records.
    pub earlier: Vec<i64>,
    /// The offset at which it was noticed that the topic was created again. Until a reset, nothing is taken from Kafka.
    pub recreated: Option<i64>,
}

/// Where a partition's records come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// From Kafka, by an event source: consecutive records, so that an offset missing between two of them holds no record.
    #[default]
    Kafka,
    /// From the dead letters, handed over again: any parked records of one incarnation.
    Redrive {
        /// The incarnation in which they were parked.
        incarnation: i64,
        /// Whether an operator has made sure that the uncertain ones among them are not stored yet.
        include_uncertain: bool,
    },
}

/// Why a redriven record is left where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was parked before the position was reset.
    #[error("it was parked before the position was reset, so it belongs to an earlier topic of this name")]
    EarlierTopic,
    /// It lies at or above the watermark.
    #[error("the sink has not read up to it yet, so Kafka will deliver it")]
    NotReached,
    /// It lies in the uncertain range.
    #[error(
        "it may be stored already: look for its offset in the sink, then redrive it with --include-uncertain, or delete it"
    )]
    Uncertain,
}

/// What is to become of a partition's delivered records. Each of them is in exactly one of the lists, by its index in the
/// delivery, or counted as a duplicate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Records to store, or to park where they are poison.
    pub indices: Vec<usize>,
    /// Records that may be stored already: they must be parked, with [`UNCERTAIN`] as the reason.
    pub uncertain: Vec<usize>,
    /// Redriven records that stay parked.
    pub refused: Vec<(usize, Refusal)>,
    /// How many records were handled before.
    pub duplicates: u64,
}

/// The reason with which a record of the uncertain range is parked.
pub const UNCERTAIN: &str = "so many deliveries of this partition are missing that their offsets are not remembered one by \
                             one any more; this record may be stored already";

/// A record that a commit handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handled {
    /// Its index in the delivery.
    pub index: usize,
    /// Its offset.
    pub offset: i64,
    /// Parked rather than stored.
    pub parked: bool,
}

/// A record at a remembered offset is another one than the remembered one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record at offset {offset} is not the one that was stored from there: the topic was deleted and created again. \
     Nothing of it is stored until somebody looks with `headwater offsets show` and begins anew with `headwater offsets reset`"
)]
pub struct TopicRecreated {
    /// The offset.
    pub offset: i64,
}

impl Position {
    /// Decides about the records of one delivery. They come in the order of their offsets; `identity` tells that of the
    /// record at an index, and is asked for few of them.
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

    /// Moves the position past a delivery of which all `handled` records were stored or parked. `delivered` spans the
    /// delivery, duplicates included. Returns how many holes had to be forgotten.
    ///
    /// Between the watermark and the first record of a delivery lies a hole: a delivery that was given up, and may come
    /// back. A gap inside a delivery is none: there Kafka had no record to deliver.
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
            // Offsets ascend: of each stretch only the first one can be lower than what is remembered.
            if !sampled.contains(&offset) {
                sampled = stretch(offset);
                if self.samples.wants(offset) {
                    self.samples.remember(offset, identity(index));
                }
            }
        }
        self.forget_holes()
    }

    /// Keeps the number of holes within its bound: the oldest become part of the uncertain range.
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

    /// How many offsets lie between the watermark of `before` and the first one that was delivered since. They hold no
    /// record (transaction markers, compaction), or records that this sink will not get: given up, or deleted by Kafka
    /// before they were read. What lies before a sink's first delivery is not counted.
    #[must_use]
    pub fn skipped_since(&self, before: &Self) -> u64 {
        if before.next == 0 {
            return 0;
        }
        let hole = self.holes.iter().find(|hole| hole.contains(&before.next));
        hole.map_or(0, |hole| (hole.end - before.next).unsigned_abs())
    }

    /// The position after an operator's reset: that of a partition never read, in the next incarnation.
    #[must_use]
    pub fn reset(&self) -> Self {
        let mut earlier = self.earlier.clone();
        if self.next > 0 {
            earlier.push(self.next);
        }
        Self { incarnation: self.incarnation.saturating_add(1), earlier, ..Self::default() }
    }

    /// The position after `found` was noticed. From then on, deliveries without a remembered record are refused as well.
    #[must_use]
    pub fn of_recreated_topic(&self, found: &TopicRecreated) -> Self {
        Self { recreated: Some(self.recreated.unwrap_or(found.offset)), ..self.clone() }
    }

    /// Whether the sink was given the record at this offset and keeps it outside the dead letters. What lies in the uncertain
    /// range counts as given.
    #[must_use]
    pub fn is_stored(&self, offset: i64) -> bool {
        offset < self.next && !self.holes.contains(offset) && !self.parked.contains(offset)
    }

    /// How many earlier incarnations may have stored a record at this offset.
    #[must_use]
    pub fn earlier_at(&self, offset: i64) -> usize {
        self.earlier.iter().filter(|&&next| offset < next).count()
    }
}

enum Verdict {
    Open,
    Handled,
    Uncertain,
    Refused(Refusal),
}

/// The span of a delivery's offsets, which come in order.
#[must_use]
pub fn span(mut offsets: impl DoubleEndedIterator<Item = i64>) -> Range<i64> {
    let Some(first) = offsets.next() else { return 0..0 };
    first..offsets.next_back().unwrap_or(first).saturating_add(1)
}
