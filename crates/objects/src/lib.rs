//! Objects on S3: addresses, reads, conditional writes, and retries inside a deadline.

mod error;
mod location;
mod retry;
mod store;

pub use aws_sdk_s3::Client;
pub use error::StoreError;
pub use location::{BadAddress, S3Location};
pub use store::{Listed, ObjectStore, PutIfAbsent, client};
