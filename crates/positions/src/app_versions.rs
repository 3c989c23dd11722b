//! A position as Delta app transactions: an id and a 64-bit version each.
//!
//! | app id | version |
//! |---|---|
//! | `headwater/<group>/<topic>/<partition>` | the watermark |
//! | `…/newest` | the newest timestamp, ms |
//! | `…/hole/<slot>/start`, `…/hole/<slot>/end` | the slot's hole; start = end when the slot is free |
//! | `…/parked/<block>` | a bit for each parked offset among `block × 62 …` |
//!
//! Slots are reused and bits are packed because app transactions never expire on our tables.

use crate::position::{MAX_HOLES, Position};

/// Offsets a block of parked ones covers: what fits into a positive 64-bit number with room to spare.
const BLOCK: i64 = 62;

/// The app id of a group's watermark in a partition.
#[must_use]
pub fn app_id(group: &str, topic: &str, partition: i32) -> String {
    format!("headwater/{group}/{topic}/{partition}")
}

fn hole_ids(app_id: &str, slot: usize) -> [String; 2] {
    [format!("{app_id}/hole/{slot}/start"), format!("{app_id}/hole/{slot}/end")]
}

fn parked_id(app_id: &str, block: i64) -> String {
    format!("{app_id}/parked/{block}")
}

/// The position kept under `app_id`; of the parked offsets, those in the blocks of `offsets`.
///
/// `version` looks an app id up.
pub fn position_from_app_versions(
    app_id: &str,
    offsets: impl IntoIterator<Item = i64>,
    version: impl Fn(&str) -> Option<i64>,
) -> Position {
    let Some(next) = version(app_id) else { return Position::default() };
    let mut position = Position { next, ..Position::default() };
    position.newest_ms = version(&format!("{app_id}/newest")).unwrap_or(i64::MIN);
    for slot in 0..MAX_HOLES {
        let [start, end] = hole_ids(app_id, slot).map(|id| version(&id));
        // Slots are filled from the first on: one never used ends them.
        let (Some(start), Some(end)) = (start, end) else { break };
        if start < end {
            position.holes.push(start..end);
        }
    }
    position.holes.sort_by_key(|hole| hole.start);
    let mut last_block = None;
    for block in offsets.into_iter().filter(|&offset| offset < next).map(|offset| offset.div_euclid(BLOCK)) {
        if last_block.replace(block) == Some(block) {
            continue;
        }
        let bits = version(&parked_id(app_id, block)).unwrap_or(0);
        position
            .parked
            .extend((0..BLOCK).filter(|bit| bits & (1 << bit) != 0).map(|bit| block * BLOCK + bit));
    }
    position
}

/// The app versions that turn `before` into `after`: only what changed.
///
/// `version` looks up what is kept now; bits of parked offsets that `before` did not load stay as they are.
pub fn changed_app_versions(
    app_id: &str,
    before: &Position,
    after: &Position,
    version: impl Fn(&str) -> Option<i64>,
) -> Vec<(String, i64)> {
    let mut changes = Vec::new();
    let mut set = |id: String, value: i64| {
        if version(&id) != Some(value) {
            changes.push((id, value));
        }
    };
    set(app_id.to_owned(), after.next);
    set(format!("{app_id}/newest"), after.newest_ms);
    for slot in 0..before.holes.len().max(after.holes.len()) {
        let hole = after.holes.get(slot).cloned().unwrap_or(0..0);
        let [start, end] = hole_ids(app_id, slot);
        set(start, hole.start);
        set(end, hole.end);
    }
    let moved: Vec<i64> = before.parked.symmetric_difference(&after.parked).copied().collect();
    for chunk in moved.chunk_by(|a, b| a.div_euclid(BLOCK) == b.div_euclid(BLOCK)) {
        let id = parked_id(app_id, chunk[0].div_euclid(BLOCK));
        let toggled = chunk.iter().fold(0, |bits, offset| bits | 1 << offset.rem_euclid(BLOCK));
        let kept = version(&id).unwrap_or(0);
        set(id, kept ^ toggled);
    }
    changes
}

/// The app versions that make the position under `app_id` that of a partition never read. `ids` are all that exist.
pub fn reset_app_versions<'a>(app_id: &str, ids: impl IntoIterator<Item = &'a str>) -> Vec<(String, i64)> {
    let prefix = format!("{app_id}/");
    let newest = format!("{prefix}newest");
    ids.into_iter()
        .filter(|id| *id == app_id || id.starts_with(&prefix))
        .map(|id| (id.to_owned(), if id == newest { i64::MIN } else { 0 }))
        .collect()
}
