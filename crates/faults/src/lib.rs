//! What goes wrong, and what to do about it: one class for every fault, and pauses between tries.

mod backoff;
mod class;

pub use backoff::Backoff;
pub use class::{Classified, FaultClass, chain};
