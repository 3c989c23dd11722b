//! The reason why a record cannot be stored.

/// Why a record can never be stored, however often it is retried. The text names the field and the fault, not the
/// content, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);
