//! The fetcher with real HTTP and TLS servers and objects in memory. `tests/tests/end_to_end/fetcher.rs` tests it with
//! S3.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod pages;
mod run;
mod secrecy;
mod server;
mod tls;
