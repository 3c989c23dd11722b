//! A Kafka producer for Lambda: idempotent, acks=all, every delivery checked.
