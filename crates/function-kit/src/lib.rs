//! What every function needs: configuration, logs and metrics, error classes, serving.

pub mod aws;
pub mod backoff;
pub mod environment;
pub mod fault;
pub mod pipelines;
pub mod presign;
pub mod serve;
pub mod telemetry;

pub use environment::{Environment, Settings, settings};
pub use serve::{KafkaLane, serve_kafka};
