//! Objects on S3: locations, reads, conditional writes, listings, deletions, and retries within a deadline.

mod error;
mod form;
mod location;
mod retry;
mod store;
mod version;

pub use aws_sdk_s3::Client;
pub use error::{Fault, StoreError};
pub use form::form_decoded;
pub use location::{BadAddress, S3Location};
pub use retry::{ATTEMPT, retrying};
pub use store::{Listed, NotDeleted, ObjectStore, PutIfAbsent, client};
pub use version::ObjectVersion;
