//! Texts kept in Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use faults::{Classified, FaultClass};

/// A secret could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("secret {id}: {reason}")]
pub struct SecretError {
    id: String,
    reason: String,
    class: FaultClass,
}

impl Classified for SecretError {
    fn class(&self) -> FaultClass {
        self.class
    }
}

impl SecretError {
    /// An error that passes by itself.
    #[must_use]
    pub fn passing(id: &str, reason: &str) -> Self {
        Self { id: id.to_owned(), reason: reason.to_owned(), class: FaultClass::Retryable }
    }

    /// An error that stays until somebody changes the secret or a permission.
    #[must_use]
    pub fn lasting(id: &str, reason: &str) -> Self {
        Self { id: id.to_owned(), reason: reason.to_owned(), class: FaultClass::Configuration }
    }
}

/// A client for secrets.
#[derive(Debug, Clone)]
pub struct Secrets(Client);

impl Secrets {
    /// A client with these credentials and this endpoint.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self(Client::new(sdk))
    }

    /// The current text of the secret with this name or ARN. The SDK retries; the caller bounds the time.
    pub async fn text(&self, id: &str) -> Result<String, SecretError> {
        let answer = self.0.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(|error| failed(id, &error))?;
        answer.secret_string.ok_or_else(|| SecretError::lasting(id, "it holds no text"))
    }
}

fn failed<E>(id: &str, error: &SdkError<E>) -> SecretError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let (code, status) = (error.code().unwrap_or_default(), answer.raw().status().as_u16());
            let reason = format!("{code}: {} (HTTP {status})", error.message().unwrap_or("no message"));
            if lasts(status, code) {
                SecretError::lasting(id, &reason)
            } else {
                SecretError::passing(id, &reason)
            }
        }
        SdkError::ConstructionFailure(_) => SecretError::lasting(id, &DisplayErrorContext(error).to_string()),
        _ => SecretError::passing(id, &DisplayErrorContext(error).to_string()),
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
