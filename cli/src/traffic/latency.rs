//! Histogram of latencies in bounded memory. A bucket is at most about 3 % wide, so a percentile is that exact.

use std::time::Duration;

/// Buckets between one power of two and the next. 1/32 is the relative width of a bucket.
const STEPS: u64 = 32;

/// Number of answers by duration. Durations are counted in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    /// Number of answers by bucket (see [`place`]). Grows up to the slowest answer's bucket.
    counts: Vec<u64>,
    /// Number of all answers.
    total: u64,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        let place = place(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.total += 1;
    }

    /// The latency in milliseconds that `percent` of the answers did not exceed, rounded up to the end of its bucket.
    /// `None` if there were no answers.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(crate) fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        let place = self.counts.iter().position(reached)?;
        Some(upper(place as u64) as f64 / 1_000.0)
    }
}

/// The bucket of a duration. Below [`STEPS`] each microsecond has its own bucket. Above, each power of two is divided
/// into [`STEPS`] buckets.
fn place(micros: u64) -> usize {
    let place = if micros < STEPS {
        micros
    } else {
        let shift = micros.ilog2() - STEPS.ilog2();
        u64::from(shift) * STEPS + (micros >> shift)
    };
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The longest duration of a bucket, in microseconds.
fn upper(place: u64) -> u64 {
    if place < 2 * STEPS {
        return place;
    }
    let shift = place / STEPS - 1;
    ((place % STEPS + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_a_step_of_the_exact_one() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for micros in (1..=100_000).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        for (percent, exact) in [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            let found = latencies.percentile(percent).unwrap();
            assert!((exact..=exact * 1.035).contains(&found), "{percent}: {found}");
        }
    }

    #[test]
    fn every_duration_has_a_place_and_stays_below_its_upper_end() {
        for micros in (0..10_000).chain((0..64).map(|bit| 1 << bit)).chain([u64::MAX / 2]) {
            let (place, next) = (place(micros), place(micros + 1));
            assert!(upper(place as u64) >= micros && (next == place || next == place + 1), "{micros}");
        }
    }
}
