//! Fault classes, and pauses between attempts.

mod backoff;
mod class;

pub use backoff::Backoff;
pub use class::{Classified, FaultClass, chain};
