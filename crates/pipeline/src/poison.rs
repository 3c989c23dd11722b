//! Why a record cannot be stored.

/// Why a record can never be stored. The text names the field and what is wrong, not the record's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);
