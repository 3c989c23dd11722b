//! Whatever bytes come in, a decoder answers: with what it read, or with a reason. It never panics, reads the same twice,
//! and takes nothing that an independent reader of the format refuses.
//!
//! Each test damages valid inputs in 100,000 ways. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` try more and others. Coverage-guided
//! fuzzing (cargo-fuzz) would need a nightly compiler and a second build of all dependencies.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod damage;
mod http;
mod kafka;
mod objects;
