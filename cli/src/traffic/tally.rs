//! Counts events and their outcomes while the fleet drives, and summarises them at the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::latency::Latencies;

/// Most distinct reasons that are counted. Later new reasons are dropped, so that memory stays bounded if each error
/// text is different.
const MOST_REASONS: usize = 8;

/// Counts of a fleet that drives; shared by all vehicles.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// A snapshot of the counts. When all vehicles have stopped, `made = acknowledged + refused + given_up`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Events that the vehicles made.
    pub(crate) made: u64,
    /// Events that the gateway answered with 2xx.
    pub(crate) acknowledged: u64,
    /// Retries: requests beyond the first one of each event.
    pub(crate) retried: u64,
    /// Events that the gateway refused, so that a retry would not help.
    pub(crate) refused: u64,
    /// Events that were still unacknowledged when the fleet ended. It is not known whether they are stored.
    pub(crate) given_up: u64,
    /// Reasons of refusals and retries, with how often each occurred. Holds at most [`MOST_REASONS`] entries.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Latencies of acknowledged requests only.
    latencies: Latencies,
}

/// Result of one drive of a fleet: `--json` prints it, and the receipt takes its counts from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Number of vehicles.
    pub(crate) vehicles: usize,
    /// Events that the vehicles made.
    pub(crate) made: u64,
    /// Events that the gateway answered with 2xx.
    pub(crate) acknowledged: u64,
    /// Requests beyond the first one of each event.
    pub(crate) retried: u64,
    /// Events that the gateway refused.
    pub(crate) refused: u64,
    /// Events that were unacknowledged at the end. They may be stored or not.
    pub(crate) given_up: u64,
    /// Duration of the drive in seconds.
    pub(crate) seconds: f64,
    /// Acknowledged events per second.
    pub(crate) events_per_second: f64,
    /// Median time from a request to its acknowledgement, in milliseconds. `None` if nothing was acknowledged.
    pub(crate) p50_ms: Option<f64>,
    /// The 99th percentile of that time, in milliseconds.
    pub(crate) p99_ms: Option<f64>,
}

impl Tally {
    pub(crate) fn made(&self) {
        self.lock().made += 1;
    }

    pub(crate) fn acknowledged(&self, latency: Duration) {
        let mut counts = self.lock();
        counts.acknowledged += 1;
        counts.latencies.add(latency);
    }

    pub(crate) fn refused(&self, reason: String) {
        let mut counts = self.lock();
        counts.refused += 1;
        counts.because(reason);
    }

    /// Counts a retry, with the reason why the request before it failed.
    pub(crate) fn retried(&self, reason: String) {
        let mut counts = self.lock();
        counts.retried += 1;
        counts.because(reason);
    }

    pub(crate) fn given_up(&self) {
        self.lock().given_up += 1;
    }

    /// A copy of the current counts.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn because(&mut self, reason: String) {
        if self.reasons.len() < MOST_REASONS || self.reasons.contains_key(&reason) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// One line while the fleet drives.
    pub(crate) fn line(&self, elapsed: Duration) -> String {
        let Self { made, acknowledged, retried, refused, .. } = self;
        let rate = per_second(*acknowledged, elapsed);
        format!(
            "{made} sent, {acknowledged} acknowledged, {retried} retried, {refused} refused, {rate:.1} events/s"
        )
    }

    /// The three most frequent reasons, the most frequent first. Empty if there is none.
    pub(crate) fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let shown = reasons.iter().take(3).map(|(reason, count)| format!("{reason} ({count} times)"));
        shown.collect::<Vec<_>>().join("; ")
    }

    /// The summary of a drive of `vehicles` vehicles that took `elapsed`.
    pub(crate) fn summary(&self, vehicles: usize, elapsed: Duration) -> Summary {
        Summary {
            vehicles,
            made: self.made,
            acknowledged: self.acknowledged,
            retried: self.retried,
            refused: self.refused,
            given_up: self.given_up,
            seconds: elapsed.as_secs_f64(),
            events_per_second: per_second(self.acknowledged, elapsed),
            p50_ms: self.latencies.percentile(50),
            p99_ms: self.latencies.percentile(99),
        }
    }
}

impl Summary {
    /// The summary as one line for people; `-` in place of a latency that is unknown.
    pub(crate) fn line(&self) -> String {
        let Self { vehicles, made, acknowledged, retried, refused, given_up, seconds, .. } = self;
        let latency = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
        format!(
            "{vehicles} vehicles made {made} events in {seconds:.1} s: {acknowledged} acknowledged \
             ({:.1} events/s), {retried} tries again, {refused} refused, {given_up} given up; p50 {}, p99 {}",
            self.events_per_second,
            latency(self.p50_ms),
            latency(self.p99_ms)
        )
    }
}

/// The rate per second. Counts at least one millisecond, so that the rate is finite at the start.
#[expect(clippy::cast_precision_loss, reason = "a pace, not a promise")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_what_was_counted() {
        let tally = Tally::default();
        for _ in 0..7 {
            tally.made();
        }
        for millis in [1, 2, 3, 400] {
            tally.acknowledged(Duration::from_millis(millis));
        }
        tally.retried("503".into());
        tally.refused("400 vin is missing".into());
        tally.refused("400 vin is missing".into());
        tally.given_up();
        let counts = tally.counts();
        let summary = counts.summary(3, Duration::from_secs(2));
        assert_eq!((summary.made, summary.acknowledged, summary.retried), (7, 4, 1));
        assert_eq!((summary.refused, summary.given_up), (2, 1));
        assert!((summary.events_per_second - 2.0).abs() < 1e-9);
        assert!(
            (2.0..2.1).contains(&summary.p50_ms.unwrap())
                && (400.0..415.0).contains(&summary.p99_ms.unwrap())
        );
        assert_eq!(counts.reasons(), "400 vin is missing (2 times); 503 (1 times)");
    }

    #[test]
    fn reasons_without_end_are_not_kept() {
        let tally = Tally::default();
        for number in 0..1_000 {
            tally.refused(format!("reason {number}"));
        }
        assert_eq!((tally.counts().reasons.len(), tally.counts().refused), (MOST_REASONS, 1_000));
    }
}
