//! The fetcher against real HTTP and TLS servers, with objects in memory. On S3: `tests/tests/end_to_end/fetcher.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod pages;
mod run;
mod secrecy;
mod server;
mod tls;
