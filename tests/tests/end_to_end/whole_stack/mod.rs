//! Tests that need the stack for themselves. They take turns.

mod fleet;
mod forecast;
mod offset_gaps;
mod recovery;
mod recreation;
mod rewind;
mod schema_change;
mod topics;
mod transfers;

/// Held by the test whose turn it is.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
