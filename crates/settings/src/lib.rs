//! Reads the settings of a program from the environment, configures the AWS SDK, and presigns the URLs that MSK and RDS
//! accept as tokens.
//!
//! The crate does not depend on functions, Kafka or Postgres, so that every other crate can use it.

mod aws;
mod environment;
pub mod presign;

pub use aws::{sdk_config, sdk_loader};
pub use environment::{BadEnvironment, Environment, FromEnvironment};
