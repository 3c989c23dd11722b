//! The process's one connection, and transactions that are tried again until the deadline.

use std::time::Duration;

use faults::Backoff;
use faults::{Classified, FaultClass};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Client;

use crate::connect::connect;
use crate::error::WarehouseError;
use crate::settings::DatabaseSettings;

/// The database, as one process sees it.
pub struct Warehouse {
    settings: DatabaseSettings,
    client: Mutex<Option<Client>>,
}

impl Warehouse {
    /// A database that is connected to when it is first needed.
    #[must_use]
    pub fn new(settings: DatabaseSettings) -> Self {
        Self { settings, client: Mutex::new(None) }
    }

    /// Runs `work` with the connection; again, on a new connection where the old one broke, while it fails with a
    /// retryable fault and `deadline` is not reached.
    ///
    /// `work` opens and commits its own transaction. What a failed try left open is rolled back before the next.
    pub async fn run<T, E>(
        &self,
        action: &'static str,
        deadline: Instant,
        mut work: impl AsyncFnMut(&Client) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: Classified + From<WarehouseError>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));
        let mut slot = self.client.lock().await;
        loop {
            let tried = timeout_at(deadline, async {
                let client = match slot.as_ref().filter(|client| !client.is_closed()) {
                    Some(client) => client,
                    None => slot.insert(connect(&self.settings).await?),
                };
                work(client).await
            });
            let fault = match tried.await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(fault)) => fault,
                Err(_) => {
                    // A statement may still run on it.
                    *slot = None;
                    return Err(WarehouseError::Deadline { action, last: "no answer".into() }.into());
                }
            };
            if let Some(client) = slot.as_ref()
                && (client.is_closed() || client.batch_execute("ROLLBACK").await.is_err())
            {
                *slot = None;
            }
            if fault.class() != FaultClass::Retryable {
                return Err(fault);
            }
            tracing::debug!(action, %fault, "trying again");
            if !backoff.pause(deadline).await {
                return Err(WarehouseError::Deadline { action, last: fault.to_string() }.into());
            }
        }
    }
}
