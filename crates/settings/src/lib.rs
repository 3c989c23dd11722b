//! What a program reads before it starts: its settings from the environment, and the configuration of the AWS SDK. Also
//! the presigned URLs that MSK and RDS take as tokens.
//!
//! The crate knows nothing of functions, Kafka or Postgres, so that every other crate can use it.

mod aws;
mod environment;
pub mod presign;

pub use aws::{sdk_config, sdk_loader};
pub use environment::{BadEnvironment, Environment, FromEnvironment};
