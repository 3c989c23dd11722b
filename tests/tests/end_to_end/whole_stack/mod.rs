//! Tests that must not share the stack with other tests: they kill parts of it or compare totals of the whole stack.
//! They run one after the other.

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

/// Every test locks this at its start and holds it until its end.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Polls every 100 ms until `holds` returns `true`. Panics after 5 minutes; `what` describes the condition in the
/// message.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_mins(5), "not within 5 minutes: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
