//! Errors of S3 and of web servers, with their fault class.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use faults::{Classified, FaultClass};

/// A failed operation, with its object.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store gives the same answer until an operator changes a setting: no such bucket, access denied,
    /// wrong region.
    #[error("{operation} {address}: refused: {reason}")]
    Refused {
        /// HEAD, GET, PUT, LIST or DELETE.
        operation: &'static str,
        /// The object, or the prefix of a listing: `s3://bucket/key` or a URL.
        address: String,
        /// The store's error code and message.
        reason: String,
    },
    /// Every attempt until the deadline failed: time-outs, 5xx answers, throttling or lost connections.
    #[error("{operation} {address}: failed {attempts} times until the deadline; last: {reason}")]
    Failed {
        /// HEAD, GET, PUT, LIST or DELETE.
        operation: &'static str,
        /// The object, or the prefix of a listing: `s3://bucket/key` or a URL.
        address: String,
        /// The number of requests that were sent.
        attempts: u32,
        /// The error of the last attempt.
        reason: String,
    },
}

impl Classified for StoreError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Refused { .. } => FaultClass::Configuration,
            Self::Failed { .. } => FaultClass::Retryable,
        }
    }
}

/// One failed attempt.
#[derive(Debug)]
pub struct Fault {
    /// Whether another attempt may succeed.
    pub again: bool,
    reason: String,
}

impl Fault {
    /// The fault of a failed request. The reason has S3's error code and message and the HTTP status.
    pub(crate) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let code = error.code().unwrap_or_default();
        let again = match error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::DispatchFailure(fault) => !fault.is_user(),
            SdkError::ServiceError(_) => worth_another_try(status(error).unwrap_or(0), code),
            _ => true,
        };
        let reason = match (error, error.message()) {
            (SdkError::ServiceError(_), Some(message)) => {
                format!("{code}: {message} (HTTP {})", status(error).unwrap_or(0))
            }
            (SdkError::ServiceError(_), None) => format!("HTTP {} {code}", status(error).unwrap_or(0)),
            _ => DisplayErrorContext(error).to_string(),
        };
        Self { again, reason }
    }

    /// A connection that failed, before or within an answer.
    pub fn lost(error: &impl std::error::Error) -> Self {
        Self { again: true, reason: format!("the connection failed: {error}") }
    }

    /// An answer to a range request with fewer or more bytes than requested.
    pub(crate) fn cut_short() -> Self {
        Self { again: true, reason: "the answer is shorter than requested".to_owned() }
    }

    /// A request that was not answered in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self { again: true, reason: "no answer in time".to_owned() }
    }

    /// An unexpected HTTP status of a web server.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        Self { again: worth_another_try(status, ""), reason: format!("HTTP {status}") }
    }

    /// A temporary fault: another attempt may succeed.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { again: true, reason: reason.into() }
    }

    /// A permanent fault: another attempt would fail in the same way.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { again: false, reason: reason.into() }
    }

    /// The error of an operation that ended with this fault after so many attempts.
    #[must_use]
    pub fn into_error(self, operation: &'static str, address: String, attempts: u32) -> StoreError {
        let reason = self.reason;
        if self.again {
            StoreError::Failed { operation, address, attempts, reason }
        } else {
            StoreError::Refused { operation, address, reason }
        }
    }
}

/// The HTTP status of the answer; `None` if there was no answer.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// Returns whether another attempt may succeed: after 5xx, throttling and other temporary conditions. All
/// other 4xx answers stay the same until an operator changes a setting.
fn worth_another_try(status: u16, code: &str) -> bool {
    /// The error codes of temporary conditions, also with a 4xx status.
    const PASSING: [&str; 7] = [
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "ExpiredToken",
    ];
    status >= 500 || matches!(status, 408 | 409 | 429) || PASSING.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_faults_are_retried() {
        for (status, code) in [(500, "InternalError"), (503, "SlowDown"), (429, ""), (400, "RequestTimeout")]
        {
            assert!(worth_another_try(status, code), "{status} {code}");
        }
        for (status, code) in
            [(403, "AccessDenied"), (404, "NoSuchBucket"), (301, "PermanentRedirect"), (400, "")]
        {
            assert!(!worth_another_try(status, code), "{status} {code}");
        }
    }
}
