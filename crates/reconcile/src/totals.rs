//! Reads a totals table. Its ledger counts the records that were added; the sum is compared with the lake's.

use std::collections::BTreeMap;

use pipeline::TotalsSection;
use warehouse::{Client, WarehouseError, quoted};

use crate::{
    ReconcileError,
    books::{self, Books},
    in_snapshot,
};

/// The sum of a totals table and the ledger entries of its group, read in one snapshot.
#[derive(Debug)]
pub struct Totals {
    /// The group's ledger entries, by partition.
    pub books: BTreeMap<i32, Books>,
    /// The sum over all keys, as decimal text.
    pub sum: String,
}

/// Reads the sum and the ledger entries in one snapshot.
///
/// # Errors
/// [`ReconcileError::Warehouse`] if a query fails.
pub async fn read(client: &Client, topic: &str, spec: &TotalsSection) -> Result<Totals, ReconcileError> {
    in_snapshot(client, async || read_within(client, topic, spec).await).await
}

/// Reads both, in the snapshot of the caller.
async fn read_within(client: &Client, topic: &str, spec: &TotalsSection) -> Result<Totals, ReconcileError> {
    let books = books::read(client, &spec.consumer_group, topic).await?;
    let (table, total) = (quoted(&spec.table), quoted(&spec.total_column));
    let sql = format!("SELECT coalesce(sum({total}), 0)::text FROM {table}");
    let row = client.query_one(&sql, &[]).await;
    let sum = row.map_err(WarehouseError::statement("read a totals table"))?.get(0);
    Ok(Totals { books, sum })
}
