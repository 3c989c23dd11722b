//! Why an object could not be read.

use faults::{Classified, FaultClass};
use s3::StoreError;

/// An object could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object was written anew, or deleted, while it was read.
    #[error("the object changed while it was read")]
    Changed,
}

impl Classified for ReadError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Changed => FaultClass::Retryable,
        }
    }
}
