//! The functions on real parts. Each test has topics, tables, buckets and databases of its own, so that all of them run
//! beside each other. Those of `whole_stack` kill parts of the stack or count what all of it holds: `scripts/test` runs
//! them alone, after all others.
//!
//! One binary, because each test file that is a binary of its own links everything again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod crashes;
mod delivery;
mod gateway;
mod inbox;
mod media;
mod poison;
mod second_topic;
mod start_up;
mod table;
mod web;
mod whole_stack;
