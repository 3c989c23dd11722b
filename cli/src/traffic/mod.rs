//! Vehicles that drive and tell the gateway where they are, as the source fleet does.

pub(crate) mod client;
pub(crate) mod drive;
mod latency;
pub(crate) mod pool;
pub(crate) mod receipt;
pub(crate) mod tally;
pub(crate) mod vehicle;
