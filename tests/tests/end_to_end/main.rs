//! The functions on real parts. Each test has topics, tables, buckets and databases of its own, so that all of them run
//! beside each other. Those of `whole_stack` kill parts of the stack or count what all of it holds: `scripts/test` runs
//! them alone, after all others.
//!
//! One binary, because each test file that is a binary of its own links everything again.
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
