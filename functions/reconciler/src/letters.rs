//! Reads the dead letters of a window. Only objects whose names overlap the window are read.

use std::collections::{BTreeMap, BTreeSet};

use dead_letters::DeadLetters;
use reconcile::{Ends, ReconcileError, Sources, parked};
use tokio::time::Instant;

/// The offsets that have a dead letter, by partition and incarnation.
pub(crate) type Letters = BTreeMap<(i32, i64), BTreeSet<i64>>;

/// Returns the dead letters of a lane in a window of a topic. The result may have offsets outside the window,
/// because objects are read whole.
///
/// # Errors
/// [`ReconcileError`] if the dead letters cannot be listed or read before `deadline`.
pub(crate) async fn within(
    sources: &Sources,
    (lane, topic): (&str, &str),
    window: &Ends,
    deadline: Instant,
) -> Result<Letters, ReconcileError> {
    let shelf: DeadLetters = parked::open(sources);
    let mut objects = Vec::new();
    for listed in shelf.list(Some(lane), deadline).await? {
        if may_hold(&listed.path, (lane, topic), window) {
            objects.extend(shelf.read(&listed, deadline).await?);
        }
    }
    let mut letters = Letters::new();
    for ((of, name, partition, incarnation), offsets) in parked::offsets(&objects) {
        if of == lane && name == topic {
            letters.entry((partition, incarnation)).or_default().extend(offsets);
        }
    }
    Ok(letters)
}

/// Whether an object can contain a dead letter of the window, by its path:
/// `lane/topic/partition/[iN/]first-last.jsonl`.
fn may_hold(path: &str, (lane, topic): (&str, &str), window: &Ends) -> bool {
    let parts = || {
        let rest = path.strip_prefix(lane)?.strip_prefix('/')?.strip_prefix(topic)?.strip_prefix('/')?;
        let (partition, rest) = rest.split_once('/')?;
        let name = rest.rsplit_once('/').map_or(rest, |(_, name)| name);
        let (first, last) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let span = window.get(&partition.parse().ok()?)?;
        Some((*span, first.parse::<i64>().ok()?, last.parse::<i64>().ok()?))
    };
    parts().is_some_and(|((start, end), first, last)| first < end && last >= start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_that_overlap_the_window_are_read() {
        let window = [(2, (100, 200))].into();
        let of = |name: &str| may_hold(&format!("lane/t/{name}.jsonl"), ("lane", "t"), &window);
        assert!(of("2/00000000000000000090-00000000000000000100"));
        assert!(of("2/i3/00000000000000000199-00000000000000000250"));
        assert!(!of("2/00000000000000000090-00000000000000000099"));
        assert!(!of("2/00000000000000000200-00000000000000000250"));
        assert!(!of("1/00000000000000000100-00000000000000000100"));
        assert!(!may_hold("lane/t-2/2/100-100.jsonl", ("lane", "t"), &window));
    }
}
