//! Costs of a deployment by list prices: fixed costs, costs per lane, and a comparison with other ways to bring a topic
//! to S3.
//!
//! Prices come from `terraform/prices.json`. Durations and request counts come from `docs/measurements/lanes.json`.
//! Both files are built in, so that the command needs no checkout and no stack.

pub(crate) mod idle;
pub(crate) mod lanes;
pub(crate) mod measured;
pub(crate) mod others;
pub(crate) mod plan;
pub(crate) mod prices;
pub(crate) mod report;
