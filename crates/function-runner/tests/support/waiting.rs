//! Waits for a condition.

use std::time::{Duration, Instant};

/// How long a test waits for a condition; enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
