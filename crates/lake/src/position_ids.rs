//! A position as Delta app transactions. Each one is an app id and a 64-bit version (Delta protocol, `txn` action).
//!
//! | app id | version |
//! |---|---|
//! | `headwater/<group>/<topic>/<partition>` | the watermark |
//! | `…/incarnation` | the number of resets |
//! | `…/earlier/<slot>` | the final watermark of an earlier incarnation |
//! | `…/recreated` | the offset at which a recreated topic was noticed, plus 1; 0 if none was noticed |
//! | `…/hole/<slot>/start`, `…/hole/<slot>/end` | one hole; start = end if the slot is free |
//! | `…/uncertain/start`, `…/uncertain/end` | the uncertain range |
//! | `…/sample/<offset>` | the identity of the remembered record at this offset; −1 if it is no longer remembered |
//! | `…/parked/<slot>/start`, `…/parked/<slot>/bits` | parked offsets, see below |
//!
//! A slot of parked offsets is a block of 62 offsets from `start` on. If `bits` is positive, each bit is one offset. If
//! it is negative, the slot stands for `−bits` consecutive blocks in which all offsets are parked. If it is 0, the slot
//! is free.
//!
//! App transactions never expire on Headwater's tables, so slots are reused. The number of slots depends on how many
//! offsets were parked at the same time, not on how many were ever parked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use positions::{Identity, MAX_HOLES, OffsetRanges, Position};

/// The number of offsets in a block of parked offsets. As many bits fit into a positive `i64`.
const BLOCK: i64 = 62;

/// The bits of a block in which every offset is parked.
const FULL: i64 = (1 << BLOCK) - 1;

/// The version of a sample that is no longer remembered. Identities are never negative.
const FORGOTTEN: i64 = -1;

/// The app ids of a table with their versions.
type AppIds = BTreeMap<String, i64>;

/// Returns the app id of a group's watermark in a partition. The app ids of the rest of the position begin with it.
#[must_use]
pub fn app_id(group: &str, topic: &str, partition: i32) -> String {
    format!("headwater/{group}/{topic}/{partition}")
}

/// Reads the position stored under `app_id` from a table's app ids. If there is none: the default, a partition never
/// read.
#[must_use]
pub fn position_from_app_versions(app_id: &str, ids: &AppIds) -> Position {
    let Some(next) = ids.get(app_id).copied() else { return Position::default() };
    let number = |suffix: &str| ids.get(&format!("{app_id}/{suffix}")).copied().unwrap_or(0);
    let samples = format!("{app_id}/sample/");
    let sample = |(id, version): (&String, &i64)| {
        // The outer `None` ends the iteration: the next app id is not a sample of this partition.
        let offset = id.strip_prefix(&samples)?.parse().ok().filter(|_| *version != FORGOTTEN);
        Some(offset.map(|offset| (offset, Identity::from_stored(*version))))
    };
    Position {
        next,
        holes: slots(app_id, "hole", "end", ids).take(MAX_HOLES).map(|(start, end)| start..end).collect(),
        uncertain: number("uncertain/start")..number("uncertain/end"),
        parked: slots(app_id, "parked", "bits", ids)
            .flat_map(|(start, bits)| block_ranges(start, bits))
            .collect(),
        samples: ids.range(samples.clone()..).map_while(sample).flatten().collect(),
        incarnation: number("incarnation"),
        earlier: (0..)
            .map_while(|slot: usize| ids.get(&format!("{app_id}/earlier/{slot}")).copied())
            .collect(),
        recreated: Some(number("recreated")).filter(|past| *past > 0).map(|past| past - 1),
    }
}

/// Returns the app versions to commit so that `before` becomes `after`, and only those that differ from `ids`, the
/// versions in the table.
#[must_use]
pub fn changed_app_versions(
    app_id: &str,
    before: &Position,
    after: &Position,
    ids: &AppIds,
) -> Vec<(String, i64)> {
    let mut changes = Changes { app_id, ids, list: Vec::new() };
    changes.set("", after.next);
    changes.set_unless_default("incarnation", after.incarnation);
    for (slot, next) in after.earlier.iter().enumerate() {
        changes.set(&format!("earlier/{slot}"), *next);
    }
    changes.set_unless_default("recreated", after.recreated.map_or(0, |offset| offset.saturating_add(1)));
    changes.set_unless_default("uncertain/start", after.uncertain.start);
    changes.set_unless_default("uncertain/end", after.uncertain.end);
    let mut holes = after.holes.iter();
    for slot in 0..before.holes.len().max(after.holes.len()) {
        let hole = holes.next().cloned().unwrap_or(0..0);
        changes.set(&format!("hole/{slot}/start"), hole.start);
        changes.set(&format!("hole/{slot}/end"), hole.end);
    }
    if before.samples != after.samples {
        for (offset, _) in before.samples.iter().filter(|(offset, _)| after.samples.at(*offset).is_none()) {
            changes.set(&format!("sample/{offset}"), FORGOTTEN);
        }
        for (offset, identity) in after.samples.iter() {
            changes.set(&format!("sample/{offset}"), identity.stored());
        }
    }
    if before.parked != after.parked {
        changes.parked(&after.parked);
    }
    changes.list
}

/// Resets a group in all partitions of a topic, as an operator asks for after the topic was recreated. Returns the
/// partitions in which the group has a position, and the app versions to commit.
#[must_use]
pub fn reset_app_versions(group: &str, topic: &str, ids: &AppIds) -> (Vec<i32>, Vec<(String, i64)>) {
    let topic_id = format!("headwater/{group}/{topic}/");
    let of_topic = ids.range(topic_id.clone()..).map_while(|(id, _)| id.strip_prefix(&topic_id));
    let partitions: Vec<i32> = of_topic.filter_map(|rest| rest.parse().ok()).collect();
    let changes = |&partition: &i32| {
        let id = app_id(group, topic, partition);
        let before = position_from_app_versions(&id, ids);
        changed_app_versions(&id, &before, &before.reset(), ids)
    };
    let versions = partitions.iter().flat_map(changes).collect();
    (partitions, versions)
}

/// Collects the app versions to commit. Leaves out the ones that the table has already.
struct Changes<'a> {
    app_id: &'a str,
    ids: &'a AppIds,
    /// The versions to commit.
    list: Vec<(String, i64)>,
}

impl Changes<'_> {
    /// Sets the version of `<app_id>/<suffix>`, or of the app id itself if the suffix is empty.
    fn set(&mut self, suffix: &str, value: i64) {
        let separator = if suffix.is_empty() { "" } else { "/" };
        let id = format!("{}{separator}{suffix}", self.app_id);
        if self.ids.get(&id) != Some(&value) {
            self.list.push((id, value));
        }
    }

    /// Does not create an app id for the default value 0, because most positions never need it.
    fn set_unless_default(&mut self, suffix: &str, value: i64) {
        if value != 0 || self.ids.contains_key(&format!("{}/{suffix}", self.app_id)) {
            self.set(suffix, value);
        }
    }

    /// Keeps unchanged blocks in their slots. Changed blocks take free slots, lowest number first.
    fn parked(&mut self, parked: &OffsetRanges) {
        let mut wanted: BTreeSet<(i64, i64)> = blocks(parked).into_iter().collect();
        let mut free = Vec::new();
        let mut used = 0;
        for (slot, kept) in slots(self.app_id, "parked", "bits", self.ids).enumerate() {
            used = slot + 1;
            if !wanted.remove(&kept) {
                free.push((slot, kept.1));
            }
        }
        let mut free = free.into_iter();
        for (start, bits) in wanted {
            let slot = free.next().map_or_else(
                || {
                    used += 1;
                    used - 1
                },
                |(slot, _)| slot,
            );
            self.set(&format!("parked/{slot}/start"), start);
            self.set(&format!("parked/{slot}/bits"), bits);
        }
        for (slot, _) in free.filter(|(_, bits)| *bits != 0) {
            self.set(&format!("parked/{slot}/bits"), 0);
        }
    }
}

/// The pairs of numbers in the slots of one kind. Slots are filled from 0 on, so the first missing one is the end.
fn slots<'a>(
    /// The app id of the partition's watermark.
    app_id: &'a str,
    kind: &'a str,
    second: &'a str,
    ids: &'a AppIds,
) -> impl Iterator<Item = (i64, i64)> + 'a {
    (0..).map_while(move |slot: usize| {
        let version = |part: &str| ids.get(&format!("{app_id}/{kind}/{slot}/{part}")).copied();
        version("start").zip(version(second))
    })
}

/// Splits a set of offsets into blocks: a start and bits, or a start and the negative number of full blocks.
fn blocks(set: &OffsetRanges) -> Vec<(i64, i64)> {
    let mut blocks: Vec<(i64, i64)> = Vec::new();
    let mut add = |start: i64, bits: i64| match blocks.last_mut() {
        Some((last, kept)) if *last == start && *kept > 0 => *kept |= bits,
        _ => blocks.push((start, bits)),
    };
    for Range { start, end } in set.iter().cloned() {
        let mut offset = start;
        while offset < end {
            let block = offset.div_euclid(BLOCK) * BLOCK;
            let full = if offset == block { (end - offset) / BLOCK } else { 0 };
            if full > 0 {
                add(block, -full);
                offset += full * BLOCK;
                continue;
            }
            let until = end.min(block + BLOCK);
            // At most 61 bits, because a full block was handled above.
            let bits = (FULL >> (BLOCK - (until - offset))) << (offset - block);
            add(block, bits);
            offset = until;
        }
    }
    blocks
}

/// The offsets of one slot. Inverse of [`blocks`].
fn block_ranges(start: i64, bits: i64) -> Vec<Range<i64>> {
    if bits < 0 {
        let end = start.saturating_add(bits.saturating_neg().saturating_mul(BLOCK));
        return std::iter::once(start..end).collect();
    }
    let set = (0..BLOCK).filter(|bit| bits & (1 << bit) != 0);
    set.map(|bit| start + bit..start + bit + 1).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_set_of_offsets_survives_its_blocks(ranges in proptest::collection::vec((0..2_000_i64, 1..300_i64), 0..20)) {
            let set: OffsetRanges = ranges.into_iter().map(|(start, len)| start..start + len).collect();
            let blocks = blocks(&set);
            let back: OffsetRanges = blocks.iter().flat_map(|&(start, bits)| block_ranges(start, bits)).collect();
            prop_assert_eq!(&back, &set);
            prop_assert!(blocks.iter().collect::<BTreeSet<_>>().len() == blocks.len());
        }
    }

    #[test]
    fn consecutive_parked_offsets_need_few_blocks() {
        let hour: OffsetRanges = std::iter::once(1_000..36_001_000).collect();
        assert!(blocks(&hour).len() <= 3, "{:?}", blocks(&hour));
        let every_second: OffsetRanges = (0..6_200).step_by(2).collect();
        assert_eq!(blocks(&every_second).len(), 100);
    }

    #[test]
    fn the_app_ids_are_bounded_by_the_offsets_parked_at_one_time() {
        let mut kept = BTreeMap::<String, i64>::new();
        let mut position = Position::default();
        for hour in 0..200_i64 {
            for parked in [true, false] {
                let before = position.clone();
                for offset in (hour * 1_000..hour * 1_000 + 500).step_by(7) {
                    if parked {
                        position.parked.insert_one(offset);
                    } else {
                        position.parked.remove_one(offset);
                    }
                }
                kept.extend(changed_app_versions("a", &before, &position, &kept));
                assert_eq!(position_from_app_versions("a", &kept), position);
            }
        }
        let ids = kept.keys().filter(|id| id.contains("/parked/")).count();
        assert!(ids <= 2 * 10, "{ids} ids for nothing that is parked");
    }
}
