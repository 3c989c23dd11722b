//! The parts that all Lambda functions share: configuration, AWS clients, logs and metrics, and serving of Kafka
//! batches, objects and HTTP requests.

pub mod delivery;
pub mod http;
mod kafka_lane;
pub mod object_lane;
pub mod pipelines;
pub mod serve;
mod start;
pub mod telemetry;

pub use http::serve_http;
pub use kafka_lane::{KafkaLane, TopicSink, serve_kafka};
pub use object_lane::{ObjectLane, serve_objects};
pub use start::{settings, start_failed};
