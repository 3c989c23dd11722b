//! Connects to a Kafka cluster; all functions and tools use this crate. The brokers are given, or looked up from an MSK
//! cluster's ARN. The connection is plain text, or TLS with MSK's IAM access control.

mod connect;
mod error;
mod settings;
mod token;

pub use aws_config::SdkConfig;
pub use connect::{Caller, connect};
pub use error::{ConnectError, class_of};
pub use settings::{Auth, Cluster, ClusterSettings};
pub use token::{MskToken, msk_token};

/// After this long without use, callers replace their connection. Lambda may have frozen the sandbox meanwhile, for
/// longer than a connection, a session or a token lives.
pub const IDLE: std::time::Duration = std::time::Duration::from_mins(1);
