//! Batches of Kafka topics → their Delta tables.
