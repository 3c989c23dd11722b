//! Upkeep against a real S3 API: the emulator at `AWS_ENDPOINT_URL`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops"
)]

mod checkpoints;
mod cleanup;
mod crashes;
mod figures;
mod reported;
mod requests;
mod tables;
mod vacuum;

#[allow(dead_code, reason = "shared with the tests of the lake")]
#[path = "../../../lake/tests/emulator/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "shared with the tests of the lake")]
#[path = "../../../lake/tests/emulator/support.rs"]
mod support;
