//! Waits for a condition.

use std::time::{Duration, Instant};

/// How long a test waits. It is long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Polls until `is_so` returns `true`. Panics after [`PATIENCE`]; `what` describes the condition in the message.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
