//! Kafka: a connection to a cluster (brokers given or looked up, in plain text or with MSK's IAM access control), an
//! idempotent producer, and the offsets of topics and consumer groups.

mod cluster;
mod connect;
mod error;
mod offsets;
mod producer;
mod token;

pub use aws_config::SdkConfig;
pub use cluster::{Auth, Cluster, ClusterSettings};
pub use connect::{Caller, connect};
pub use error::{ConnectError, class_of};
pub use offsets::{
    CommitMark, Ends, LagError, LagReader, PartitionLag, TopicId, commit_mark, is_of_another_topic,
};
pub use producer::{Acknowledged, KafkaProducer, OutgoingRecord, ProduceError};
pub use token::{MskToken, msk_token};

/// After this long without use the sandbox may have been frozen, for longer than a connection, a session or a token
/// lives: connections are made anew.
pub const IDLE: std::time::Duration = std::time::Duration::from_mins(1);
