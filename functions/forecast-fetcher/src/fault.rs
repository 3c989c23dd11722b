//! Why an item could not be fetched, and whether a retry may help.

use std::fmt;
use std::time::Duration;

use faults::{Classified, FaultClass};
use rustls::{CertificateError, Error as TlsError};

use crate::template::BadToken;
use object_reader::BadLink;

/// The fault of one request or its answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    /// A status other than 200. `detail` is an excerpt of the answer.
    #[error("HTTP {status}")]
    Status {
        status: u16,
        /// The pause that the server asks for (`Retry-After`).
        wait: Option<Duration>,
        detail: String,
    },
    /// The server asks for a pause that is longer than the item's remaining time.
    #[error("HTTP {status}: the server asks for a pause of {} s (Retry-After), but this item has {} s left", .wait.as_secs(), .left.as_secs())]
    LongWait { status: u16, wait: Duration, left: Duration },
    /// The connection could not be opened, or it broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// The server's TLS certificate is not trusted.
    #[error("the server's certificate was refused: {0}")]
    Certificate(String),
    /// A redirect that is not followed.
    #[error("the redirect of HTTP {0} is not followed: {1}")]
    Redirect(u16, BadLink),
    /// Too many redirects.
    #[error("more than {0} redirects, one after the other")]
    Redirects(usize),
    /// A link to the next page that is not followed.
    #[error("the link to the next page is not followed: {0}")]
    Next(BadLink),
    /// A link that is not a valid URL.
    #[error("{0}")]
    Link(String),
    /// The answer is too large for the memory.
    #[error("{0}")]
    TooLarge(String),
    /// The answer is compressed, although the request excludes compression.
    #[error("the answer is compressed ({0}), although the request says that it must not be")]
    Compressed(String),
    /// The answer is not JSON: the parser's reason, and an excerpt of the answer.
    #[error("the answer is not JSON: {reason}")]
    NotJson { reason: String, detail: String },
    /// The answer is JSON, but it is not an object or array, or it lacks a required part. `detail` is an
    /// excerpt of a short answer, otherwise empty.
    #[error("the answer {reason}")]
    Shape { reason: String, detail: String },
    /// The token cannot be part of a URL or header.
    #[error("{0}")]
    Token(#[from] BadToken),
}

impl Classified for Fault {
    fn class(&self) -> FaultClass {
        match self {
            Self::Status { status: 408 | 429 | 500 | 502 | 503 | 504, .. }
            | Self::LongWait { .. }
            | Self::Connection(_)
            | Self::Slow(_) => FaultClass::Retryable,
            Self::Status { .. }
            | Self::Certificate(_)
            | Self::Redirect(..)
            | Self::Redirects(_)
            | Self::Next(_)
            | Self::Token(_) => FaultClass::Configuration,
            Self::Link(_)
            | Self::TooLarge(_)
            | Self::Compressed(_)
            | Self::NotJson { .. }
            | Self::Shape { .. } => FaultClass::Poison,
        }
    }
}

impl Fault {
    /// The fault of a request without an answer: [`Fault::Certificate`] if TLS refused the server's
    /// certificate, otherwise [`Fault::Connection`].
    pub(crate) fn unanswered(error: &(dyn std::error::Error + 'static)) -> Self {
        match authorities::tls_fault(error) {
            Some(TlsError::InvalidCertificate(bad)) => Self::Certificate(format!("{bad}; {}", advice(bad))),
            _ => Self::Connection(faults::chain(error)),
        }
    }

    /// The excerpt of the server's answer, with the token hidden. Empty if the fault has none.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Status { detail, .. } | Self::NotJson { detail, .. } | Self::Shape { detail, .. } => detail,
            _ => "",
        }
    }
}

/// A part of the reason that names the fix.
fn advice(bad: &CertificateError) -> &'static str {
    match bad {
        CertificateError::UnknownIssuer => {
            "it was not issued by a trusted authority: add the server's authority to FETCH_CA_PEM"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not valid for the host: use a name in the URL for which it is valid"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired: it must be renewed on the server"
        }
        _ => "it is not valid",
    }
}

/// The last fault of a request that was given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) fault: Fault,
    /// The number of attempts.
    pub(crate) tries: u32,
}

impl std::error::Error for GivenUp {}

impl From<Fault> for GivenUp {
    /// Converts a fault of an answer's content, which is not retried.
    fn from(fault: Fault) -> Self {
        Self { fault, tries: 1 }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.fault)?;
        if self.tries > 1 {
            write!(out, " (tried {} times)", self.tries)?;
        }
        match self.fault.detail() {
            "" => Ok(()),
            detail => write!(out, ": {detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fault with this status and an excerpt of the answer.
    fn status(status: u16) -> Fault {
        Fault::Status { status, wait: None, detail: "{\"error\":\"x\"}".into() }
    }

    #[test]
    fn only_temporary_faults_are_retried() {
        for passing in [429, 500, 502, 503, 504] {
            assert_eq!(status(passing).class(), FaultClass::Retryable, "{passing}");
        }
        for lasting in [204, 304, 400, 401, 403, 404, 410, 501] {
            assert_ne!(status(lasting).class(), FaultClass::Retryable, "{lasting}");
        }
    }

    #[test]
    fn a_reason_has_the_status_the_attempts_and_the_servers_message() {
        assert_eq!(
            GivenUp { fault: status(500), tries: 5 }.to_string(),
            "HTTP 500 (tried 5 times): {\"error\":\"x\"}"
        );
        assert_eq!(GivenUp { fault: status(404), tries: 1 }.to_string(), "HTTP 404: {\"error\":\"x\"}");
        let fault =
            Fault::LongWait { status: 429, wait: Duration::from_hours(1), left: Duration::from_secs(50) };
        assert!(GivenUp { fault, tries: 1 }.to_string().contains("a pause of 3600 s"));
    }
}
