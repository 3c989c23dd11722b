//! Opens one connection: credentials, TLS, and the task that drives the protocol.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use faults::{Classified, FaultClass};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::WarehouseError;
use crate::login::log_in;
use crate::settings::{DatabaseAuth, DatabaseSettings, TlsMode};
use crate::tls;

/// The time limit for connecting to one address. A server that has just failed does not answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for one attempt with TLS and login, over all addresses of the host's name.
const TRY_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit for the acknowledgement of sent data. After a freeze or a failover the server may be gone.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that a password rotation takes between changing the database and changing the secret.
const ROTATION: Duration = Duration::from_secs(1);
/// The time limit for cancelling a statement on the server.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(200);

/// A connection. If it is dropped, its socket is closed immediately, even during a statement.
pub struct Session {
    pub(crate) client: Client,
    /// The task that drives the protocol. Aborting it closes the socket.
    driver: AbortHandle,
    /// Needed for a cancellation, which uses a second connection.
    tls: Option<MakeRustlsConnect>,
    /// Whether a statement may be running. If it is dropped then, the statement is cancelled on the server.
    pub(crate) busy: bool,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Session {
    /// Cancels the running statement on the server and closes the connection.
    pub(crate) async fn sever(mut self) {
        self.busy = false;
        let _ = timeout(CANCEL_TIMEOUT, cancel(self.client.cancel_token(), self.tls.clone())).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
        if self.busy
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(CONNECT_TIMEOUT, cancel(self.client.cancel_token(), self.tls.clone())));
        }
    }
}

/// Cancels the running statement. Otherwise a statement that waits for a lock would go on waiting, and then hold the
/// lock. If the cancellation does not arrive, the timeouts on the server end the statement.
async fn cancel(token: CancelToken, tls: Option<MakeRustlsConnect>) {
    let sent = match tls {
        Some(tls) => token.cancel_query(tls).await,
        None => token.cancel_query(NoTls).await,
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "the statement could not be cancelled");
    }
}

/// Opens one connection for a tool. It is not opened again if it breaks; functions use [`Warehouse`](crate::Warehouse).
/// The host's name is resolved for each connection, because the address changes in a failover.
///
/// # Errors
/// [`WarehouseError::Refused`] if an operator must change settings; [`WarehouseError::Unreachable`] otherwise.
pub async fn connect(settings: &DatabaseSettings) -> Result<Session, WarehouseError> {
    match try_once(settings).await {
        Err(Fault { wrong_password: true, .. }) if matches!(settings.auth, DatabaseAuth::Secret(_)) => {
            // The password may have been changed in the database a moment ago. The secret changes a moment later.
            sleep(ROTATION).await;
            try_once(settings).await.map_err(|fault| fault.error)
        }
        tried => tried.map_err(|fault| fault.error),
    }
}

/// An error of an attempt to connect.
struct Fault {
    error: WarehouseError,
    /// Whether the server refused the password. It may just have been rotated.
    wrong_password: bool,
}

impl From<WarehouseError> for Fault {
    fn from(error: WarehouseError) -> Self {
        Self { error, wrong_password: false }
    }
}

/// Logs in and connects once.
async fn try_once(settings: &DatabaseSettings) -> Result<Session, Fault> {
    let mut config = settings.config.clone();
    limits(&mut config);
    log_in(settings, &mut config).await?;
    timeout(TRY_TIMEOUT, open(settings, &config)).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", TRY_TIMEOUT.as_secs());
        Err(WarehouseError::Unreachable { host: settings.address(), reason }.into())
    })
}

/// Sets the timeouts that the URL does not set.
fn limits(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(USER_TIMEOUT);
    }
    config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3);
}

/// Opens the connection with or without TLS.
async fn open(settings: &DatabaseSettings, config: &Config) -> Result<Session, Fault> {
    let failed = |error: tokio_postgres::Error| failure(settings, error);
    let (client, driver, tls) = if settings.tls == TlsMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
        (client, drive(connection), None)
    } else {
        let tls = tls::client_config(settings)
            .map_err(|reason| WarehouseError::Refused { host: settings.address(), reason })?;
        let tls = MakeRustlsConnect::new(tls);
        let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
        (client, drive(connection), Some(tls))
    };
    Ok(Session { client, driver, tls, busy: false })
}

/// Drives the connection in a task. Callers that wait for an answer get its errors, so here they are only logged.
fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> AbortHandle {
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to Postgres ended");
        }
    });
    driver.abort_handle()
}

/// Decides whether a retry can help after a failed attempt.
fn failure(settings: &DatabaseSettings, error: tokio_postgres::Error) -> Fault {
    let host = settings.address();
    if let Some(reason) = tls::lasting_fault(&error) {
        return WarehouseError::Refused { host, reason }.into();
    }
    let reason = error.as_db_error().map_or_else(
        || faults::chain(&error),
        |answer| format!("{} ({})", answer.message(), answer.code().code()),
    );
    let wrong_password = error.code() == Some(&SqlState::INVALID_PASSWORD);
    // A server that is starting or stopping also answers, with a retryable code.
    let lasting = if error.code().is_some() {
        WarehouseError::Statement { action: "connect", source: error }.class() != FaultClass::Retryable
    } else {
        // The server asks for a password and there is none, or it asks for an unsupported way to log in.
        reason.starts_with("authentication error") || reason.starts_with("invalid configuration")
    };
    let error = if lasting {
        WarehouseError::Refused { host, reason }
    } else {
        WarehouseError::Unreachable { host, reason }
    };
    Fault { error, wrong_password }
}
