//! Tests that need the stack for themselves. They take turns.

mod fleet;
mod forecast;
mod invoke;
mod lake_verbs;
mod logs;
mod offset_gaps;
mod recovery;
mod recreation;
mod rewind;
mod schema_change;
mod stack_file;
mod topics;
mod transfers;

use std::time::{Duration, Instant};

/// Held by the test whose turn it is.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Waits for a condition, on a busy machine too.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_mins(5), "not within 5 minutes: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
