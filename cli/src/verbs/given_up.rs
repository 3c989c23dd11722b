//! Lists and redelivers batches that a mapping gave up. The failure destination on S3 holds each of them completely.
//!
//! A record is not stored twice even if the first attempt did store it: the position that the function's sink stores
//! says which records were handled.

use anyhow::Context as _;
pub(crate) use reconcile::given_up::GivenUp;
use reconcile::given_up::shelf;
use tokio::time::{Duration, Instant};

use crate::{failure::failure, reconcile::sources, stack::opened::Stack};

/// How long deleting one batch from S3 may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Reads all batches, or only those of `function` (the name of its folder).
///
/// # Errors
/// S3 cannot be read, or an object at the failure destination is not an invocation record.
pub(crate) async fn all(stack: &Stack, function: Option<&str>) -> anyhow::Result<Vec<GivenUp>> {
    let all = reconcile::given_up::all(&sources(stack)?, function).await;
    all.context("cannot read the batches that were given up")
}

/// Invokes the function with the batch, and deletes the batch from S3 if the function has handled every record.
///
/// # Errors
/// The invocation fails, or the function reports failed records (`batchItemFailures`). The batch then stays on S3. If
/// only the deletion fails, the next redrive delivers the batch again.
pub(crate) async fn deliver(stack: &Stack, batch: GivenUp) -> anyhow::Result<()> {
    let GivenUp { path, function, event } = batch;
    let answer = stack.invoke(&function, event).await?;
    if answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty()) {
        return Err(failure(
            format!("{function} could not handle these records: {}", answer["batchItemFailures"]),
            format!("see `headwater logs {function}`"),
        ));
    }
    shelf(&sources(stack)?)
        .delete(&path, Instant::now() + PATIENCE)
        .await
        .context("cannot delete a batch that was redriven")
}
