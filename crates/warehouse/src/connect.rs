//! One connection: credentials, TLS, and the task that drives it.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use faults::{Classified, FaultClass};
use function_kit::presign::{presigned, push_encoded};
use serde::Deserialize;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::WarehouseError;
use crate::roots;
use crate::settings::{DatabaseAuth, DatabaseSettings};

/// How long one try may take: a server that just went away answers nothing at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn connect(settings: &DatabaseSettings) -> Result<Client, WarehouseError> {
    let mut config = settings.config.clone();
    config.connect_timeout(CONNECT_TIMEOUT).keepalives_idle(Duration::from_secs(30));
    log_in(settings, &mut config).await?;
    let failed = |error: tokio_postgres::Error| failure(settings, error);
    let client = if settings.tls {
        let tls = roots::client_config(settings.ca_file.as_deref())
            .map_err(|reason| WarehouseError::Refused { host: settings.address(), reason })?;
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await.map_err(failed)?;
        drive(connection);
        client
    } else {
        let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
        drive(connection);
        client
    };
    Ok(client)
}

/// The connection's own faults reach whoever waits for an answer on it; here they are only noted.
fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to Postgres ended");
        }
    });
}

fn failure(settings: &DatabaseSettings, error: tokio_postgres::Error) -> WarehouseError {
    let host = settings.address();
    let reason = error.as_db_error().map_or_else(
        || faults::chain(&error),
        |answer| format!("{} ({})", answer.message(), answer.code().code()),
    );
    // A server that is starting or stopping answers too; it says so with a retryable code.
    let lasting = error.code().is_some()
        && WarehouseError::Statement { action: "connect", source: error }.class() != FaultClass::Retryable;
    if lasting {
        WarehouseError::Refused { host, reason }
    } else {
        WarehouseError::Unreachable { host, reason }
    }
}

async fn log_in(settings: &DatabaseSettings, config: &mut Config) -> Result<(), WarehouseError> {
    let refused = |reason: String| WarehouseError::Refused { host: settings.address(), reason };
    match &settings.auth {
        DatabaseAuth::Url => {}
        DatabaseAuth::Secret(id) => {
            let Credentials { username, password } = secret(id).await.map_err(|reason| {
                // Secrets Manager may be down for a moment; a missing secret is found by the message.
                WarehouseError::Unreachable {
                    host: settings.address(),
                    reason: format!("secret {id}: {reason}"),
                }
            })?;
            if let Some(username) = username {
                config.user(username);
            }
            config.password(password);
        }
        DatabaseAuth::Iam => {
            let (host, port) = settings.endpoint();
            let user =
                config.get_user().ok_or_else(|| refused("DATABASE_URL names no user".into()))?.to_owned();
            config.password(iam_token(&host, port, &user).await.map_err(refused)?);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Credentials {
    username: Option<String>,
    password: String,
}

async fn secret(id: &str) -> Result<Credentials, String> {
    let config = function_kit::aws::sdk_config().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| faults::chain(&error))?;
    let text = answer.secret_string().ok_or("it holds no text")?;
    serde_json::from_str(text).map_err(|_| "it is not JSON with `password`".to_owned())
}

/// The password of RDS IAM authentication: a presigned URL without its scheme, valid for 15 minutes.
async fn iam_token(host: &str, port: u16, user: &str) -> Result<String, String> {
    let config = function_kit::aws::sdk_config().await;
    let region = config.region().ok_or("AWS_REGION is not set")?;
    let provider = config.credentials_provider().ok_or("no AWS credentials")?;
    let credentials = provider.provide_credentials().await.map_err(|error| faults::chain(&error))?;
    let mut url = format!("https://{host}:{port}/?Action=connect&DBUser=");
    push_encoded(&mut url, user);
    let signed = presigned(&url, "rds-db", region.as_ref(), &credentials, SystemTime::now());
    // RDS takes the URL without its scheme.
    signed.map(|url| url.trim_start_matches("https://").to_owned()).map_err(|error| error.to_string())
}
