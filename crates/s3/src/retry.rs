//! Retries an operation until a deadline.

use faults::Backoff;
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant, timeout_at};

use crate::error::Fault;

/// The longest time for one request. A connection may be dead after Lambda froze the sandbox; without this limit, a
/// request on it would wait until the deadline.
pub const ATTEMPT: Duration = Duration::from_secs(10);
/// The first pause between two attempts is random, at most this long. The limit doubles after each attempt.
const FIRST: Duration = Duration::from_millis(10);
/// The largest limit of a pause.
const LONGEST: Duration = Duration::from_millis(640);

/// Runs `attempt` until it succeeds, returns a permanent fault, or `deadline` passes. Each run may take at most
/// `patience`. On failure, returns the last fault and the number of attempts.
///
/// The futures are boxed because the compiler cannot prove that the future of an async closure is `Send`.
pub async fn retrying<'f, T>(
    deadline: Instant,
    patience: Duration,
    mut attempt: impl FnMut() -> BoxFuture<'f, Result<T, Fault>>,
) -> Result<T, (Fault, u32)> {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    let mut attempts = 0;
    let mut last = None;
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Err((last.unwrap_or_else(Fault::timed_out), attempts));
        }
        attempts += 1;
        let fault = match timeout_at(deadline.min(now + patience), attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(fault)) => fault,
            Err(_) => Fault::timed_out(),
        };
        if !fault.again || !backoff.pause(deadline).await {
            return Err((fault, attempts));
        }
        last = Some(fault);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// The deadline after this time.
    fn within(duration: Duration) -> Instant {
        Instant::now() + duration
    }

    #[tokio::test(start_paused = true)]
    async fn a_temporary_fault_is_retried_until_the_deadline() {
        let deadline = within(Duration::from_secs(2));
        let mut tried = 0;
        let (fault, attempts) = retrying::<()>(deadline, ATTEMPT, || {
            tried += 1;
            async { Err(Fault::timed_out()) }.boxed()
        })
        .await
        .unwrap_err();
        assert!(fault.again);
        assert_eq!(attempts, tried);
        assert!(attempts > 3, "{attempts}");
        assert!(Instant::now() <= deadline);
    }

    /// A connection may be dead after Lambda froze the sandbox.
    #[tokio::test(start_paused = true)]
    async fn an_attempt_without_an_answer_leaves_time_for_another() {
        let mut tried = 0;
        let answer = retrying(within(Duration::from_secs(30)), ATTEMPT, || {
            tried += 1;
            if tried == 1 { std::future::pending().boxed() } else { std::future::ready(Ok(tried)).boxed() }
        })
        .await;
        assert_eq!(answer.unwrap(), 2);
    }
}
