//! The login: with the password in the URL, the password in a secret, or a token of RDS IAM authentication.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use faults::{Classified, FaultClass};
use secrets::{SecretError, Secrets};
use serde::Deserialize;
use settings::presign::{encoded, presigned};
use tokio_postgres::Config;

use crate::error::WarehouseError;
use crate::settings::{DatabaseAuth, DatabaseSettings};

/// Adds user and password to `config`. They are fetched for each connection, so that a rotated password is used.
///
/// Fails with [`WarehouseError::Unreachable`] if Secrets Manager does not answer, and with [`WarehouseError::Refused`]
/// if an operator must change the secret, the URL or a permission.
pub(crate) async fn log_in(settings: &DatabaseSettings, config: &mut Config) -> Result<(), WarehouseError> {
    let refused = |reason: String| WarehouseError::Refused { host: settings.address(), reason };
    match &settings.auth {
        DatabaseAuth::Url => {}
        DatabaseAuth::Secret(id) => {
            let Credentials { username, password } = credentials(id).await.map_err(|error| {
                let (host, reason) = (settings.address(), error.to_string());
                if error.class() == FaultClass::Retryable {
                    WarehouseError::Unreachable { host, reason }
                } else {
                    WarehouseError::Refused { host, reason }
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

/// The content of the secret, in the format that RDS uses for its own secrets.
#[derive(Deserialize)]
struct Credentials {
    /// If it is missing, the user of the URL is used.
    username: Option<String>,
    password: String,
}

/// Reads the secret. The error never contains its text.
async fn credentials(id: &str) -> Result<Credentials, SecretError> {
    let text = Secrets::new(&settings::sdk_config().await).text(id).await?;
    serde_json::from_str(&text).map_err(|_| SecretError::lasting(id, "it is not JSON with `password`"))
}

/// Creates the password for RDS IAM authentication: a presigned URL without its scheme, valid for 15 minutes.
async fn iam_token(host: &str, port: u16, user: &str) -> Result<String, String> {
    let config = settings::sdk_config().await;
    let region = config.region().map(ToString::to_string).or_else(|| region_of(host));
    let region = region.ok_or("AWS_REGION is not set")?;
    let provider = config.credentials_provider().ok_or("no AWS credentials")?;
    let credentials = provider.provide_credentials().await.map_err(|error| faults::chain(&error))?;
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={}", encoded(user));
    let signed = presigned(&url, "rds-db", &region, &credentials, SystemTime::now());
    // RDS expects the URL without its scheme.
    signed.map(|url| url.trim_start_matches("https://").to_owned()).map_err(|error| error.to_string())
}

/// The region in the host name of an RDS instance: `NAME.ID.REGION.rds.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let (name, _) = host.split_once(".rds.amazonaws.com")?;
    Some(name.rsplit('.').next()?.to_owned())
}
