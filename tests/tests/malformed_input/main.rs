//! For any bytes, a decoder returns a value or a reason. It never panics, returns the same result for the same bytes,
//! and accepts nothing that an independent parser of the format rejects.
//!
//! Each test damages valid inputs in 100,000 ways. `PROPTEST_CASES` sets another number of inputs, `PROPTEST_RNG_SEED`
//! another seed. Coverage-guided fuzzing (cargo-fuzz) would need a nightly compiler and a second build of all
//! dependencies.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod damage;
mod http;
mod kafka;
mod objects;
