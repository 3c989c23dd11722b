//! Scheduled: produces room counts to Kafka.
