//! The single connection of a process, and transactions that are retried until the deadline.

use std::time::Duration;

use faults::Backoff;
use faults::{Classified, FaultClass};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Client;

use crate::connect::{Session, connect};
use crate::error::{WarehouseError, code_of};
use crate::settings::DatabaseSettings;
use crate::sqlstate::ends_session;

/// The time limit for a rollback. A server that takes longer is considered gone.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(1);

/// The database, with the single connection of this process.
pub struct Warehouse {
    settings: DatabaseSettings,
    /// `None` before the first use, and after the connection broke. The lock keeps transactions apart.
    session: Mutex<Option<Session>>,
}

impl Warehouse {
    /// A database. The connection is opened when it is first needed.
    #[must_use]
    pub fn new(settings: DatabaseSettings) -> Self {
        Self { settings, session: Mutex::new(None) }
    }

    /// Runs `work` with the connection. Retries it after a retryable error until `deadline`, on a new connection if the
    /// old one cannot be used any more.
    ///
    /// `work` begins and commits its own transaction. After a failed attempt, an open transaction is rolled back. If
    /// the deadline passes or this future is dropped, the statement is cancelled and the connection closed.
    ///
    /// # Errors
    /// The error of `work` if a retry cannot help; [`WarehouseError::Deadline`] if the deadline passes.
    pub async fn run<T, E>(
        &self,
        action: &'static str,
        deadline: Instant,
        mut work: impl AsyncFnMut(&Client) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: Classified + From<WarehouseError>,
    {
        let passed = |last: Option<String>| {
            E::from(WarehouseError::Deadline { action, last: last.unwrap_or_else(|| "no answer".to_owned()) })
        };
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));
        let mut last = None;
        let Ok(mut slot) = timeout_at(deadline, self.session.lock()).await else { return Err(passed(last)) };
        loop {
            let connected = match slot.take().filter(|session| !session.client.is_closed()) {
                Some(session) => Ok(session),
                None => match timeout_at(deadline, connect(&self.settings)).await {
                    Ok(connected) => connected,
                    Err(_) => return Err(passed(last)),
                },
            };
            let fault = match connected {
                Err(fault) => E::from(fault),
                Ok(mut session) => {
                    // The session is out of the slot. So if this future is dropped, no other caller gets a connection
                    // with an open transaction.
                    session.busy = true;
                    match timeout_at(deadline, work(&session.client)).await {
                        Ok(Ok(done)) => {
                            session.busy = false;
                            *slot = Some(session);
                            return Ok(done);
                        }
                        Ok(Err(fault)) => {
                            *slot = kept(session, code_of(&fault), deadline).await;
                            fault
                        }
                        Err(_) => {
                            session.sever().await;
                            return Err(passed(last));
                        }
                    }
                }
            };
            if fault.class() != FaultClass::Retryable {
                return Err(fault);
            }
            tracing::debug!(action, %fault, "trying again");
            last = Some(fault.to_string());
            if !backoff.pause(deadline).await {
                return Err(passed(last));
            }
        }
    }
}

/// Returns the session if it can still be used after an error with this SQLSTATE.
async fn kept(mut session: Session, code: Option<&str>, deadline: Instant) -> Option<Session> {
    if session.client.is_closed() || code.is_some_and(ends_session) {
        session.busy = false;
        return None;
    }
    let until = deadline.min(Instant::now() + ROLLBACK_TIMEOUT);
    if let Ok(Ok(())) = timeout_at(until, session.client.batch_execute("ROLLBACK")).await {
        session.busy = false;
        return Some(session);
    }
    session.sever().await;
    None
}
