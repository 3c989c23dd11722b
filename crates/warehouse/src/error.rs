//! Postgres' faults, classified.

use std::error::Error;

use faults::{Classified, FaultClass};
use tokio_postgres::error::SqlState;

use crate::sqlstate;

/// A fault of the database.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// No connection could be made until the deadline.
    #[error("no connection to Postgres at {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The last fault.
        reason: String,
    },
    /// The credentials could not be had or were refused.
    #[error("no access to Postgres at {host}: {reason}")]
    Refused {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// A statement failed.
    #[error("{action}: {source}{detail}", detail = detail(source))]
    Statement {
        /// What was being done.
        action: &'static str,
        /// Postgres' answer.
        source: tokio_postgres::Error,
    },
    /// The database is not as this version needs it.
    #[error("{0}")]
    Schema(String),
    /// The deadline passed.
    #[error("{action}: the deadline passed; last fault: {last}")]
    Deadline {
        /// What was being done.
        action: &'static str,
        /// The last fault before, if there was one.
        last: String,
    },
}

/// The server's own message: the error's text is only "db error".
fn detail(source: &tokio_postgres::Error) -> String {
    source
        .as_db_error()
        .map(|error| format!(": {} ({})", error.message(), error.code().code()))
        .unwrap_or_default()
}

impl WarehouseError {
    /// A failed statement, for `map_err`.
    pub fn statement(action: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Statement { action, source }
    }

    /// Postgres' own words, where it said any.
    #[must_use]
    pub fn server_message(&self) -> String {
        match self {
            Self::Statement { source, .. } => {
                source.as_db_error().map_or_else(|| source.to_string(), |e| e.message().to_owned())
            }
            other => other.to_string(),
        }
    }

    /// Whether Postgres said that the table cannot hold this row; see the table of codes in `sqlstate.rs`.
    #[must_use]
    pub fn is_unholdable(&self) -> bool {
        matches!(self, Self::Statement { .. }) && self.class() == FaultClass::Poison
    }

    /// Whether a number was out of range: the row's own, or a total that the row would be added to.
    #[must_use]
    pub fn is_out_of_range(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.code().is_some_and(|code| *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE)
    }
}

/// Postgres' error code, where the fault comes from an answer of the server.
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
            // Without an answer of the server the connection broke.
            Self::Statement { source, .. } => {
                source.as_db_error().map_or(FaultClass::Retryable, sqlstate::class_of_answer)
            }
        }
    }
}
