//! A clock in milliseconds since the Unix epoch that never goes backwards.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Takes the wall-clock time once, when it is created, and then advances with the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The wall-clock time at `started`.
    epoch_ms: i64,
    started: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { epoch_ms: epoch_ms(), started: Instant::now() }
    }

    /// Milliseconds since the Unix epoch. Two calls never return a smaller time than before, even if the system clock
    /// is set back.
    pub(super) fn now_ms(&self) -> i64 {
        self.epoch_ms.saturating_add(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// The wall-clock time in milliseconds since the Unix epoch.
///
/// It is 0 if the system clock is set to a time before 1970.
pub(super) fn epoch_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
