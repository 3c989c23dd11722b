//! Simulated vehicles that send their positions to the gateway, as the source fleet does.

pub(crate) mod client;
pub(crate) mod drive;
mod latency;
pub(crate) mod pool;
pub(crate) mod receipt;
pub(crate) mod tally;
pub(crate) mod vehicle;
