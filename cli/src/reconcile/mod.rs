//! Checks and output of `headwater verify`.
//!
//! Crate `reconcile` compares the lanes that Kafka feeds. This module adds the checks that only the command makes
//! (receipts of fleets, buckets, forecasts, a second reader of the lake), and prints the results.

pub(crate) mod ends;
pub(crate) mod fleet;
pub(crate) mod forecast;
pub(crate) mod inbox;
pub(crate) mod media;
pub(crate) mod objects;
pub(crate) mod oracle;
pub(crate) mod report;

pub(crate) use ::reconcile::{
    Cluster, Sources, Verdict, books, lake, lost, offsets, parked, records, table, topic, totals,
};
use anyhow::Context as _;

use crate::stack::opened::Stack;

/// The places where a stack keeps the data to compare. Fails if an address of the outputs is not valid.
pub(crate) fn sources(stack: &Stack) -> anyhow::Result<Sources> {
    let root = &stack.outputs().parked_root;
    let parked_root = root.parse().with_context(|| format!("{root} is not an address on S3"))?;
    Ok(Sources { cluster: cluster(stack)?, objects: stack.objects(), lake_root: stack.lake()?, parked_root })
}

/// The stack's Kafka, for reading offsets and records.
pub(crate) fn cluster(stack: &Stack) -> anyhow::Result<Cluster> {
    Ok(Cluster::new(stack.cluster()?, stack.sdk().clone()))
}
