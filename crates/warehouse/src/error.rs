//! The errors of Postgres, and whether a retry can help.

use std::error::Error;

use faults::{Classified, FaultClass};
use tokio_postgres::error::SqlState;

use crate::sqlstate;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// No connection could be opened before the deadline. A retry may help.
    #[error("no connection to Postgres at {host}: {reason}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// The last error.
        reason: String,
    },
    /// The credentials could not be fetched, or the server refused them, or TLS cannot work. A retry does not help.
    #[error("no access to Postgres at {host}: {reason}")]
    Refused {
        /// The host and port.
        host: String,
        /// Why access was refused.
        reason: String,
    },
    /// A statement failed. Its SQLSTATE decides whether a retry can help.
    #[error("{action}: {source}{detail}", detail = detail(source))]
    Statement {
        /// The action that failed, for the message.
        action: &'static str,
        /// The error of the Postgres client.
        source: tokio_postgres::Error,
    },
    /// The content or the shape of the database does not match this version of Headwater.
    #[error("{0}")]
    Schema(String),
    /// The deadline passed before the action succeeded.
    #[error("{action}: the deadline passed; last fault: {last}")]
    Deadline {
        /// The action, for the message.
        action: &'static str,
        /// The last error before the deadline, or `no answer`.
        last: String,
    },
}

/// The server's message, because the client's own text is only "db error".
fn detail(source: &tokio_postgres::Error) -> String {
    source
        .as_db_error()
        .map(|error| format!(": {} ({})", error.message(), error.code().code()))
        .unwrap_or_default()
}

impl WarehouseError {
    /// Returns a function for `map_err` that adds the action to a statement's error.
    pub fn statement(action: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Statement { action, source }
    }

    /// The server's message, or the whole text of the error if the server sent none.
    #[must_use]
    pub fn server_message(&self) -> String {
        match self {
            Self::Statement { source, .. } => {
                source.as_db_error().map_or_else(|| source.to_string(), |e| e.message().to_owned())
            }
            other => other.to_string(),
        }
    }

    /// Whether Postgres says that the table cannot hold the row. See the table of SQLSTATEs in `sqlstate.rs`.
    #[must_use]
    pub fn is_unholdable(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.class() == FaultClass::Poison
    }

    /// Whether a number was out of range: one in the row, or the total to which the row would be added.
    #[must_use]
    pub fn is_out_of_range(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.code().is_some_and(|code| *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE)
    }
}

/// The SQLSTATE of an error that comes from an answer of the server.
pub(crate) fn code_of(fault: &dyn Error) -> Option<&str> {
    let mut cause = fault.source();
    while let Some(error) = cause {
        if let Some(answer) = error.downcast_ref::<tokio_postgres::Error>() {
            return answer.code().map(SqlState::code);
        }
        cause = error.source();
    }
    None
}

impl Classified for WarehouseError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Unreachable { .. } | Self::Deadline { .. } => FaultClass::Retryable,
            Self::Refused { .. } | Self::Schema(_) => FaultClass::Configuration,
            // Without an answer of the server, the connection broke.
            Self::Statement { source, .. } => {
                source.as_db_error().map_or(FaultClass::Retryable, sqlstate::class_of_answer)
            }
        }
    }
}
