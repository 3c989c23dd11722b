//! The parts that all Lambda functions share: configuration, AWS clients, logs and metrics, and serving of Kafka
//! batches, objects and HTTP requests.

pub mod aws;
pub mod delivery;
pub mod environment;
pub mod http;
pub mod object_lane;
pub mod pipelines;
pub mod presign;
pub mod serve;
pub mod telemetry;
pub mod topics;

pub use environment::{Environment, Settings, settings};
pub use http::serve_http;
pub use object_lane::{ObjectLane, serve_objects};
pub use serve::{KafkaLane, serve_kafka};
pub use topics::TopicLanes;
