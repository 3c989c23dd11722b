//! The faults of S3, and of a web server in its place, classified.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use faults::{Classified, FaultClass};

/// A fault of the store, with the object it happened on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store will give the same answer until somebody changes a setting: no such bucket, access denied, wrong region.
    #[error("{operation} {address}: refused: {reason}")]
    Refused {
        /// HEAD, GET, PUT, LIST or DELETE.
        operation: &'static str,
        /// The object, or the prefix of a listing: `s3://bucket/key` or a URL.
        address: String,
        /// The store's answer.
        reason: String,
    },
    /// Time-outs, 5xx answers, throttling or lost connections until the deadline.
    #[error("{operation} {address}: failed {attempts} times until the deadline; last: {reason}")]
    Failed {
        /// HEAD, GET, PUT, LIST or DELETE.
        operation: &'static str,
        /// The object, or the prefix of a listing: `s3://bucket/key` or a URL.
        address: String,
        /// Requests sent.
        attempts: u32,
        /// The last fault.
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

/// One failed request.
#[derive(Debug)]
pub struct Fault {
    /// Whether another try may succeed.
    pub again: bool,
    reason: String,
}

impl Fault {
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

    /// A connection that broke, before or within an answer.
    pub fn lost(error: &impl std::error::Error) -> Self {
        Self { again: true, reason: format!("the answer broke off: {error}") }
    }

    pub(crate) fn cut_short() -> Self {
        Self { again: true, reason: "the answer holds less than was asked for".to_owned() }
    }

    /// A request that was not answered in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self { again: true, reason: "no answer in time".to_owned() }
    }

    /// An answer of a web server that is not what was asked for.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        Self { again: worth_another_try(status, ""), reason: format!("HTTP {status}") }
    }

    /// What may pass by itself.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { again: true, reason: reason.into() }
    }

    /// What no other try will mend.
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

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// 5xx, throttling, and what passes by itself; 400 and 403 otherwise stay until somebody acts.
fn worth_another_try(status: u16, code: &str) -> bool {
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
    fn what_passes_by_itself_is_tried_again_and_the_rest_is_not() {
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
