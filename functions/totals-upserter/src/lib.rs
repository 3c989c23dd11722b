//! Batches of Kafka topics → running totals in Postgres.
