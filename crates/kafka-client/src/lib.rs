//! A connection to a Kafka cluster, one way for all: brokers given or looked up, in plain text or by MSK's IAM access
//! control.

mod connect;
mod error;
mod settings;
mod token;

pub use aws_config::SdkConfig;
pub use connect::{Caller, connect};
pub use error::{ConnectError, class_of};
pub use settings::{Auth, Cluster, ClusterSettings};
pub use token::{MskToken, msk_token};

/// After this long without use the sandbox may have been frozen, for longer than a connection, a session or a token
/// lives: connections are made anew.
pub const IDLE: std::time::Duration = std::time::Duration::from_mins(1);
