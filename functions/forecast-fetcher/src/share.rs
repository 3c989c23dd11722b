//! Divides the time of an invocation among its items.

use tokio::time::{Duration, Instant};

/// The number of items that are fetched concurrently.
pub(crate) const AT_ONCE: usize = 4;

/// The longest part of an item's time that is reserved for storing.
const TO_STORE: Duration = Duration::from_secs(3);

/// The end of an item's time. `waiting` is the number of items that were not started yet, including this one. Items
/// start in waves of [`AT_ONCE`], and each wave gets an equal part of the remaining time. So a hanging item does not
/// use up the time of others.
pub(crate) fn end_of_share(now: Instant, deadline: Instant, waiting: usize) -> Instant {
    let waves = u32::try_from(waiting.div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
    now + deadline.saturating_duration_since(now) / waves
}

/// The time at which fetching must end, so that an item whose time ends at `end` can still be stored.
pub(crate) fn end_of_fetching(now: Instant, end: Instant) -> Instant {
    end - TO_STORE.min(end.saturating_duration_since(now) / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_item_gets_an_equal_share_even_if_all_items_hang(items in 1_usize..200, seconds in 1_u64..900) {
            let start = Instant::now();
            let time = Duration::from_secs(seconds);
            let deadline = start + time;
            let waves = u32::try_from(items.div_ceil(AT_ONCE)).unwrap();
            let mut free = [start; AT_ONCE];
            for number in 0..items {
                free.sort();
                let end = end_of_share(free[0], deadline, items - number);
                prop_assert!(end <= deadline);
                let share = end - free[0];
                prop_assert!(share + Duration::from_millis(1) >= time / waves, "{number} of {items}: {share:?} of {time:?}");
                let fetching = end_of_fetching(free[0], end);
                prop_assert!(fetching >= free[0] && fetching <= end);
                free[0] = end;
            }
        }
    }
}
