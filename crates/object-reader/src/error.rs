//! Why an object could not be read.

use faults::{Classified, FaultClass};
use s3::StoreError;

/// An object could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// S3 or the web server returned an error or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object was overwritten or deleted during the read. The error is retryable: the next read starts with the new
    /// version.
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
