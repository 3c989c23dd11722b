//! Tests of the functions on a real broker, a real Postgres and the emulator. Each test has its own topics, tables,
//! buckets and databases, so that they can run in parallel. The tests in `whole_stack` kill parts of the stack or count
//! the contents of the whole stack. `scripts/test` runs them alone, after all others.
//!
//! All tests are one binary, because linking is slow and each further binary links all crates again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod board_forecast;
mod certificates;
mod conditional_writes;
mod crashes;
mod database;
mod database_tls;
mod days;
mod delivery;
mod emulator_invoke;
mod fetcher;
mod gateway;
mod histories;
mod inbox;
mod inbox_from_others;
mod lake_keeper;
mod lake_keeper_crashes;
mod media;
mod own_function;
mod pipeline_new;
mod poison;
mod record_values;
mod retention;
mod schema_migrator;
mod second_topic;
mod start_up;
mod table;
mod unholdable;
mod web;
mod whole_stack;
