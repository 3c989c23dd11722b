//! The process's one connection, and transactions that are tried again until the deadline.

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

/// How long a rollback may take: a server that needs longer is not there any more.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(1);

/// The database, as one process sees it.
pub struct Warehouse {
    settings: DatabaseSettings,
    session: Mutex<Option<Session>>,
}

impl Warehouse {
    /// A database that is connected to when it is first needed.
    #[must_use]
    pub fn new(settings: DatabaseSettings) -> Self {
        Self { settings, session: Mutex::new(None) }
    }

    /// Runs `work` with the connection; again, on a new connection where the old one is of no more use, while it fails
    /// with a retryable fault and `deadline` is not reached.
    ///
    /// `work` opens and commits its own transaction. What a failed try left open is rolled back before the next; where the
    /// deadline passes, or this future is dropped, the statement is cancelled and the connection closed.
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
                    // Out of the slot: if this future is dropped, nobody finds the connection with a transaction open.
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

/// The session for the next try, if it can still be used after a fault with this code.
async fn kept(mut session: Session, code: Option<&str>, deadline: Instant) -> Option<Session> {
    if session.client.is_closed() || code.is_some_and(ends_session) {
        session.busy = false;
        return None;
    }
    let until = deadline.min(Instant::now() + ROLLBACK_TIMEOUT);
    match timeout_at(until, session.client.batch_execute("ROLLBACK")).await {
        Ok(Ok(())) => {
            session.busy = false;
            Some(session)
        }
        _ => {
            session.sever().await;
            None
        }
    }
}
