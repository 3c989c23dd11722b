//! Transactions that end when their function's time does, whether or not the function is still there to end them.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Error};

/// The least that a statement gets: 0 would mean no limit.
const SHORTEST: Duration = Duration::from_millis(100);
/// The most that Lambda gives a function.
const LONGEST: Duration = Duration::from_mins(15);
/// The most that a statement waits for a lock.
const LOCK: Duration = Duration::from_secs(30);
/// The most that the server waits for the next statement of a transaction. Nothing but the database is asked within one,
/// so a longer pause means that the function was frozen or is gone. Until then others wait for what it locked.
const IDLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Begins a transaction that the server ends by itself soon after `deadline`. One message, so that it travels together
/// with the statement behind it.
pub async fn begin(client: &Client, deadline: Instant) -> Result<(), Error> {
    client.batch_execute(&statements(deadline.saturating_duration_since(Instant::now()))).await
}

fn statements(left: Duration) -> String {
    let statement = left.clamp(SHORTEST, LONGEST).as_millis();
    let lock = left.clamp(SHORTEST, LOCK).as_millis();
    let idle = left.clamp(IDLE.0, IDLE.1).as_millis();
    let transaction = (left.min(LONGEST) + IDLE.0).as_millis();
    // The last one exists since PostgreSQL 17. It alone also ends a session whose client stopped in the middle of a message.
    format!(
        "BEGIN; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; \
         SET LOCAL idle_in_transaction_session_timeout = {idle}; \
         SELECT set_config('transaction_timeout', '{transaction}', true) \
         WHERE current_setting('transaction_timeout', true) IS NOT NULL"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_left_is_a_short_limit_and_not_none() {
        let now = statements(Duration::ZERO);
        assert!(now.contains("statement_timeout = 100;") && now.contains("lock_timeout = 100;"), "{now}");
        assert!(now.contains("idle_in_transaction_session_timeout = 1000;"), "{now}");
        let long = statements(Duration::from_hours(10));
        assert!(
            long.contains("statement_timeout = 900000;") && long.contains("lock_timeout = 30000;"),
            "{long}"
        );
        assert!(long.contains("idle_in_transaction_session_timeout = 5000;"), "{long}");
    }
}
