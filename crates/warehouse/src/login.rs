//! How a connection logs in: the password of the URL, of a secret, or a token of RDS IAM authentication.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use function_kit::presign::{presigned, push_encoded};
use serde::Deserialize;
use tokio_postgres::Config;

use crate::error::WarehouseError;
use crate::settings::{DatabaseAuth, DatabaseSettings};

/// Adds user and password to `config`. They are fetched for every connection, so that a rotated password is noticed.
pub(crate) async fn log_in(settings: &DatabaseSettings, config: &mut Config) -> Result<(), WarehouseError> {
    let refused = |reason: String| WarehouseError::Refused { host: settings.address(), reason };
    match &settings.auth {
        DatabaseAuth::Url => {}
        DatabaseAuth::Secret(id) => {
            let Credentials { username, password } = secret(id).await.map_err(|fault| {
                let (host, reason) = (settings.address(), format!("secret {id}: {}", fault.reason));
                if fault.lasting {
                    WarehouseError::Refused { host, reason }
                } else {
                    WarehouseError::Unreachable { host, reason }
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

/// Why a secret could not be had.
struct SecretFault {
    /// Whether it stays so until somebody acts: access denied, no such secret, a key that may not be used.
    lasting: bool,
    reason: String,
}

async fn secret(id: &str) -> Result<Credentials, SecretFault> {
    let config = function_kit::aws::sdk_config().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let answer = client.get_secret_value().secret_id(id).send().await.map_err(|error| fault_of(&error))?;
    let lasting = |reason: &str| SecretFault { lasting: true, reason: reason.to_owned() };
    let text = answer.secret_string().ok_or_else(|| lasting("it holds no text"))?;
    serde_json::from_str(text).map_err(|_| lasting("it is not JSON with `password`"))
}

fn fault_of<E>(error: &SdkError<E>) -> SecretFault
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let (code, status) = (error.code().unwrap_or_default(), answer.raw().status().as_u16());
            let message = error.message().unwrap_or("no message");
            SecretFault { lasting: lasts(status, code), reason: format!("{code}: {message} (HTTP {status})") }
        }
        SdkError::ConstructionFailure(_) => {
            SecretFault { lasting: true, reason: DisplayErrorContext(error).to_string() }
        }
        _ => SecretFault { lasting: false, reason: DisplayErrorContext(error).to_string() },
    }
}

/// 5xx, throttling and a clock or token that is a moment off pass by themselves; every other refusal stays.
fn lasts(status: u16, code: &str) -> bool {
    const PASSING: [&str; 8] = [
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ExpiredTokenException",
        "InternalServiceError",
    ];
    status < 500 && !matches!(status, 408 | 429) && !PASSING.contains(&code)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stays_and_throttling_passes() {
        for (status, code) in [
            (400, "AccessDeniedException"),
            (400, "ResourceNotFoundException"),
            (400, "DecryptionFailure"),
            (400, "InvalidRequestException"),
            (403, "UnrecognizedClientException"),
        ] {
            assert!(lasts(status, code), "{code}");
        }
        for (status, code) in [
            (400, "ThrottlingException"),
            (429, ""),
            (500, "InternalServiceError"),
            (503, ""),
            (400, "ExpiredTokenException"),
        ] {
            assert!(!lasts(status, code), "{code}");
        }
    }
}
