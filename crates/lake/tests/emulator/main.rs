//! Tables on a real S3 API: the emulator at `AWS_ENDPOINT_URL`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops"
)]

mod compaction;
mod compaction_foreign;
mod cost;
mod crashes;
mod faults;
mod foreign;
mod long_logs;
#[allow(dead_code, reason = "shared with the tests of lake-upkeep")]
mod proxy;
mod races;
mod schema;
mod support;
mod timestamps;
mod types;
