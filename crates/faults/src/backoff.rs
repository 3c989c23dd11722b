//! Pauses between attempts, with jitter and exponential growth. A pause never ends after the deadline.

use rand::RngExt;
use tokio::time::{Duration, Instant, sleep_until};

/// A timer may fire this late, because tokio's timer counts milliseconds and rounds up.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Exponential backoff with full jitter: each pause is a random time between 0 and a bound that doubles.
#[derive(Debug)]
pub struct Backoff {
    /// The largest time of the next pause.
    bound: Duration,
    longest: Duration,
}

impl Backoff {
    /// The bound of the first pause is `first`. It doubles with each pause, up to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { bound: first, longest }
    }

    /// Pauses and returns `true`. If the pause would end after `deadline`, returns `false` at once.
    pub async fn pause(&mut self, deadline: Instant) -> bool {
        let micros = u64::try_from(self.bound.as_micros()).unwrap_or(u64::MAX);
        let until = Instant::now() + Duration::from_micros(rand::rng().random_range(0..=micros));
        self.bound = (self.bound * 2).min(self.longest);
        if until + RESOLUTION >= deadline {
            return false;
        }
        sleep_until(until).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_end_before_the_deadline() {
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(400));
        while backoff.pause(deadline).await {}
        assert!(Instant::now() < deadline);
    }
}
