//! Postgres' faults, classified.

use faults::{Classified, FaultClass};
use tokio_postgres::error::SqlState;

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

    /// Whether Postgres said that it can never hold this value: a number out of range, a NUL in a text, a key too long
    /// for an index.
    #[must_use]
    pub fn is_unholdable(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        source.code().is_some_and(|code| {
            [
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                SqlState::UNTRANSLATABLE_CHARACTER,
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                SqlState::STRING_DATA_RIGHT_TRUNCATION,
                SqlState::DATETIME_FIELD_OVERFLOW,
            ]
            .contains(code)
        })
    }
}

impl Classified for WarehouseError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Unreachable { .. } | Self::Deadline { .. } => FaultClass::Retryable,
            Self::Refused { .. } | Self::Schema(_) => FaultClass::Configuration,
            Self::Statement { source, .. } => match source.code() {
                // No answer of the server: the connection broke.
                None => FaultClass::Retryable,
                Some(code) => class_of(code.code()),
            },
        }
    }
}

/// By SQLSTATE class; see the PostgreSQL manual, appendix A.
fn class_of(code: &str) -> FaultClass {
    match &code[..2] {
        // Connections, transaction rollback (deadlock, serialization), resources, operator intervention, system, internal;
        // 55 is "object in use", 25 a transaction that an earlier fault ended.
        "08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX" => FaultClass::Retryable,
        "22" => FaultClass::Poison,
        _ => FaultClass::Configuration,
    }
}
