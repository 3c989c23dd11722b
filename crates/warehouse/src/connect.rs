//! One connection: credentials, TLS, and the task that drives it.

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

/// How long one address may take to answer: a server that just went away answers nothing at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole try may take, with TLS and login, on whatever addresses the name has.
const TRY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long sent data may stay without an acknowledgement: after a freeze, or a failover, nobody is there to give one.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a rotation of the password takes between changing it in the database and in the secret.
const ROTATION: Duration = Duration::from_secs(1);
/// How long the server may take to hear that nobody waits for an answer any more.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(200);

/// A connection. When it is dropped, its socket is closed at once, whatever the server is doing.
pub struct Session {
    pub(crate) client: Client,
    driver: AbortHandle,
    tls: Option<MakeRustlsConnect>,
    /// Whether somebody works on it: then the server is told to stop when it is dropped.
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
    /// Stops what the server does on this connection and closes it.
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

/// Without it, a statement that waits for a lock would go on waiting, and take it. The server's own time-outs are what
/// helps if this does not get through.
async fn cancel(token: CancelToken, tls: Option<MakeRustlsConnect>) {
    let sent = match tls {
        Some(tls) => token.cancel_query(tls).await,
        None => token.cancel_query(NoTls).await,
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "the statement could not be cancelled");
    }
}

/// Opens one connection, which is not made again when it breaks: for tools. Functions use [`Warehouse`](crate::Warehouse).
///
/// The host's name is looked up each time: after a failover it has another address.
pub async fn connect(settings: &DatabaseSettings) -> Result<Session, WarehouseError> {
    match try_once(settings).await {
        Err(Fault { wrong_password: true, .. }) if matches!(settings.auth, DatabaseAuth::Secret(_)) => {
            // It may just have been changed, and the secret a moment later.
            sleep(ROTATION).await;
            try_once(settings).await.map_err(|fault| fault.error)
        }
        tried => tried.map_err(|fault| fault.error),
    }
}

struct Fault {
    error: WarehouseError,
    wrong_password: bool,
}

impl From<WarehouseError> for Fault {
    fn from(error: WarehouseError) -> Self {
        Self { error, wrong_password: false }
    }
}

async fn try_once(settings: &DatabaseSettings) -> Result<Session, Fault> {
    let mut config = settings.config.clone();
    limits(&mut config);
    log_in(settings, &mut config).await?;
    timeout(TRY_TIMEOUT, open(settings, &config)).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", TRY_TIMEOUT.as_secs());
        Err(WarehouseError::Unreachable { host: settings.address(), reason }.into())
    })
}

/// What the URL does not say itself.
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

/// The connection's own faults reach whoever waits for an answer on it; here they are only noted.
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
    // A server that is starting or stopping answers too; it says so with a retryable code.
    let lasting = if error.code().is_some() {
        WarehouseError::Statement { action: "connect", source: error }.class() != FaultClass::Retryable
    } else {
        // No password where the server asks for one, or a way to log in that is not known here.
        reason.starts_with("authentication error") || reason.starts_with("invalid configuration")
    };
    let error = if lasting {
        WarehouseError::Refused { host, reason }
    } else {
        WarehouseError::Unreachable { host, reason }
    };
    Fault { error, wrong_password }
}
