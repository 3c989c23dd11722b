//! Reconciliation as the command does it: crate `reconcile` compares the lanes that Kafka feeds; here is what only a
//! command can compare (receipts of fleets, buckets, forecasts, a second reader), and what it prints.

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

/// Where a stack keeps what is compared.
pub(crate) fn sources(stack: &Stack) -> anyhow::Result<Sources> {
    let root = &stack.outputs().parked_root;
    let parked_root = root.parse().with_context(|| format!("{root} is not an address on S3"))?;
    Ok(Sources { cluster: cluster(stack)?, objects: stack.objects(), lake_root: stack.lake()?, parked_root })
}

/// A stack's Kafka.
pub(crate) fn cluster(stack: &Stack) -> anyhow::Result<Cluster> {
    Ok(Cluster::new(stack.cluster()?, stack.sdk().clone()))
}
