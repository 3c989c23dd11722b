//! Reads texts from AWS Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use faults::{Classified, FaultClass};

/// A secret could not be read.
///
/// The message has the name of the secret and the reason, never its value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("secret {id}: {reason}")]
pub struct SecretError {
    /// The name or ARN of the secret.
    id: String,
    /// The code, message and status of the answer, or the chain of causes.
    reason: String,
    /// Whether another attempt can help.
    class: FaultClass,
}

impl Classified for SecretError {
    fn class(&self) -> FaultClass {
        self.class
    }
}

impl SecretError {
    /// A temporary error: another attempt may succeed. Its class is retryable.
    #[must_use]
    pub fn passing(id: &str, reason: &str) -> Self {
        Self { id: id.to_owned(), reason: reason.to_owned(), class: FaultClass::Retryable }
    }

    /// A permanent error, until an operator changes the secret or a permission. Its class is configuration.
    #[must_use]
    pub fn lasting(id: &str, reason: &str) -> Self {
        Self { id: id.to_owned(), reason: reason.to_owned(), class: FaultClass::Configuration }
    }
}

/// A client for secrets.
#[derive(Debug, Clone)]
pub struct Secrets(Client);

impl Secrets {
    /// Creates a client with the region, credentials and endpoint of `sdk`.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self(Client::new(sdk))
    }

    /// Reads the current text of the secret with this name or ARN. The SDK retries. The call has no time limit of its
    /// own, so the caller must set one.
    ///
    /// # Errors
    /// Throttling, 5xx answers and lost connections are retryable. A missing secret, a missing permission and a binary
    /// secret are configuration faults.
    pub async fn text(&self, id: &str) -> Result<String, SecretError> {
        let answer = self.0.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(|error| failed(id, &error))?;
        answer.secret_string.ok_or_else(|| SecretError::lasting(id, "it holds no text"))
    }
}

/// Classifies an error of the SDK. A request that could not be built never succeeds; a lost connection may.
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

/// Returns whether an answer is permanent. 5xx answers, throttling and expired tokens are temporary.
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
    fn a_refusal_is_permanent_and_throttling_is_temporary() {
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
