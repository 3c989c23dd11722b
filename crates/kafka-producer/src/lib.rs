//! A Kafka producer for Lambda: idempotent, `acks=all`, every delivery checked.
//!
//! Two properties matter on Lambda. The producer reconnects after a frozen sandbox: between two invocations, Lambda may
//! freeze the process for longer than a connection, a session or a token lives. And it reports a record as sent only
//! after the brokers acknowledged it.

mod error;
mod producer;
mod record;

pub use error::ProduceError;
pub use kafka_client::SdkConfig;
pub use producer::{Acknowledged, KafkaProducer};
pub use record::OutgoingRecord;
