//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long a test waits for what it expects, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `what` is so; panics where it is not in time.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
