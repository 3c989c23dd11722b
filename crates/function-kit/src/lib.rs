//! What every function needs at start: configuration, logs and metrics, error classes, serving.

pub mod aws;
pub mod fault;
