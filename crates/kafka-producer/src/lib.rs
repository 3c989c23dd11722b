//! A Kafka producer for Lambda: idempotent, `acks=all`, every delivery checked.
//!
//! What Lambda asks of it beyond producing: a sandbox may be frozen between two invocations for longer than a
//! connection, a session or a token lives, and nothing may be reported as sent that no broker has acknowledged.

mod error;
mod producer;
mod record;

pub use error::ProduceError;
pub use kafka_client::SdkConfig;
pub use producer::{Acknowledged, KafkaProducer};
pub use record::OutgoingRecord;
