//! Batches that a mapping gave up, kept whole at its failure destination, delivered again.
//!
//! The functions' positions know whether a first try had in fact succeeded, so that each record is stored once.

use anyhow::Context as _;
pub(crate) use reconcile::given_up::GivenUp;
use reconcile::given_up::shelf;
use tokio::time::{Duration, Instant};

use crate::{failure::failure, reconcile::sources, stack::opened::Stack};

/// How long deleting one may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// All of them, optionally of one function.
pub(crate) async fn all(stack: &Stack, function: Option<&str>) -> anyhow::Result<Vec<GivenUp>> {
    let all = reconcile::given_up::all(&sources(stack)?, function).await;
    all.context("cannot read the batches that were given up")
}

/// Delivers a batch again; it is deleted once every record of it was handled.
pub(crate) async fn deliver(stack: &Stack, batch: GivenUp) -> anyhow::Result<()> {
    let GivenUp { path, function, event } = batch;
    let answer = stack.invoke(&function, event).await?;
    if answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty()) {
        return Err(failure(
            format!("{function} could not handle {}", answer["batchItemFailures"]),
            format!("see `headwater logs {function}`"),
        ));
    }
    shelf(&sources(stack)?)
        .delete(&path, Instant::now() + PATIENCE)
        .await
        .context("cannot delete a redriven batch")
}
