//! Transactions with time limits on the server. They end with their function's time, even if the function is gone.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Error};

/// The minimum for a time limit, because 0 means no limit.
const SHORTEST: Duration = Duration::from_millis(100);
/// The maximum run time of a Lambda function.
const LONGEST: Duration = Duration::from_mins(15);
/// The maximum time that a statement waits for a lock.
const LOCK: Duration = Duration::from_secs(30);
/// The limits for the pause between two statements of a transaction. Within a transaction only the database is used. So
/// a longer pause means that the function was frozen or is gone, and others wait for its locks.
const IDLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Begins a transaction that the server ends soon after `deadline`. It is one message, so it can share a round trip
/// with the next statement.
///
/// The limits are `SET LOCAL`, so they end with the transaction.
pub async fn begin(client: &Client, deadline: Instant) -> Result<(), Error> {
    client.batch_execute(&statements(deadline.saturating_duration_since(Instant::now()))).await
}

/// The statements that begin a transaction with `left` time.
fn statements(left: Duration) -> String {
    let statement = left.clamp(SHORTEST, LONGEST).as_millis();
    let lock = left.clamp(SHORTEST, LOCK).as_millis();
    let idle = left.clamp(IDLE.0, IDLE.1).as_millis();
    let transaction = (left.min(LONGEST) + IDLE.0).as_millis();
    // `transaction_timeout` exists since PostgreSQL 17. It is the only limit that ends a session whose client stopped
    // in the middle of a message.
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
