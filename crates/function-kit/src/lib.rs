//! What every function needs: serving events, telemetry, HTTP requests and answers, and the lanes of topics and objects.

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
