//! Kafka: a connection to a cluster (brokers given or looked up, in plain text or with MSK's IAM access control), an
//! idempotent producer, and the offsets of topics and consumer groups.

mod cluster;
mod connect;
mod error;
mod offsets;
mod producer;
mod reused;
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
