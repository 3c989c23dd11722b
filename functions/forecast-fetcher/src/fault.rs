//! Why an item could not be fetched, and whether another try may help.

use std::fmt;
use std::time::Duration;

use faults::{Classified, FaultClass};
use rustls::{CertificateError, Error as TlsError};

use crate::template::BadToken;
use object_reader::BadLink;

/// What went wrong with one request, or with its answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    /// Any status but 200.
    #[error("HTTP {status}")]
    Status {
        status: u16,
        /// How long the server wants to be left alone.
        wait: Option<Duration>,
        detail: String,
    },
    /// The wait would end after the item's time.
    #[error("HTTP {status}: the server asks for a pause of {} s (Retry-After), and this item has {} s left", .wait.as_secs(), .left.as_secs())]
    LongWait { status: u16, wait: Duration, left: Duration },
    /// No connection, or one that broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// Nothing, or not everything, in time.
    #[error("no complete answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// Not the server that it should be.
    #[error("the server's certificate was refused: {0}")]
    Certificate(String),
    /// A redirect that is not followed.
    #[error("the redirect of HTTP {0} is not followed: {1}")]
    Redirect(u16, BadLink),
    /// More redirects than are followed.
    #[error("more than {0} redirects, one after the other")]
    Redirects(usize),
    /// A link to the next page that is not followed.
    #[error("the link to the next page is not followed: {0}")]
    Next(BadLink),
    /// A link to the next page that makes no sense.
    #[error("{0}")]
    Link(String),
    /// More than fits into memory.
    #[error("{0}")]
    TooLarge(String),
    /// Compressed without being asked.
    #[error("the answer is compressed ({0}), although the request says that it must not be")]
    Compressed(String),
    /// Not JSON.
    #[error("the answer is not JSON: {reason}")]
    NotJson { reason: String, detail: String },
    /// JSON, but not what the source gives.
    #[error("the answer {reason}")]
    Shape { reason: String, detail: String },
    /// The token does not fit.
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
    /// A request that got no answer.
    pub(crate) fn unanswered(error: &(dyn std::error::Error + 'static)) -> Self {
        match authorities::tls_fault(error) {
            Some(TlsError::InvalidCertificate(bad)) => Self::Certificate(format!("{bad}; {}", advice(bad))),
            _ => Self::Connection(faults::chain(error)),
        }
    }

    /// What the server said, as far as it may be repeated.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Status { detail, .. } | Self::NotJson { detail, .. } | Self::Shape { detail, .. } => detail,
            _ => "",
        }
    }
}

fn advice(bad: &CertificateError) -> &'static str {
    match bad {
        CertificateError::UnknownIssuer => {
            "none of the trusted authorities issued it: add the server's authority to FETCH_CA_PEM"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "use a name in the URL that it is valid for"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired: it must be renewed on the server"
        }
        _ => "it is not valid",
    }
}

/// A request that was given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) fault: Fault,
    /// Requests sent.
    pub(crate) tries: u32,
}

impl std::error::Error for GivenUp {}

impl From<Fault> for GivenUp {
    /// A fault of an answer, which is not asked for again.
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

    fn status(status: u16) -> Fault {
        Fault::Status { status, wait: None, detail: "{\"error\":\"x\"}".into() }
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        for passing in [429, 500, 502, 503, 504] {
            assert_eq!(status(passing).class(), FaultClass::Retryable, "{passing}");
        }
        for lasting in [204, 304, 400, 401, 403, 404, 410, 501] {
            assert_ne!(status(lasting).class(), FaultClass::Retryable, "{lasting}");
        }
    }

    #[test]
    fn a_reason_says_the_status_the_tries_and_what_the_server_said() {
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
