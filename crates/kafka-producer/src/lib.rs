//! A Kafka producer for Lambda: idempotent, `acks=all`, every delivery checked.
//!
//! What Lambda asks of it beyond producing: a sandbox may be frozen between two invocations for longer than a
//! connection, a session or a token lives, and nothing may be reported as sent that no broker has acknowledged.

mod brokers;
mod error;
mod producer;
mod settings;
mod token;

pub use aws_config::SdkConfig;
pub use error::{ConnectError, ProduceError};
pub use producer::{Acknowledged, KafkaProducer, OutgoingRecord};
pub use settings::{Auth, Cluster, ProducerSettings};
pub use token::{MskToken, msk_token};
