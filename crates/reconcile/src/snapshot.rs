//! A consistent snapshot of Postgres.

use warehouse::{Client, WarehouseError};

use crate::ReconcileError;

/// Runs `work` in a read-only transaction, so that all its queries see the same moment (`REPEATABLE READ`).
///
/// # Errors
/// The error of `work`, after a rollback.
pub async fn in_snapshot<T>(
    client: &Client,
    work: impl AsyncFnOnce() -> Result<T, ReconcileError>,
) -> Result<T, ReconcileError> {
    let failed = WarehouseError::statement("begin a snapshot");
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(&failed)?;
    let done = work().await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await.map_err(failed);
    let done = done?;
    ended?;
    Ok(done)
}
