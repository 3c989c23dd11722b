//! The Kafka event source mapping: batching as pure code, and the local bridge.
