//! The totals' side: the ledger counts what was added, and the sums must be those of the lake.

use std::collections::BTreeMap;

use anyhow::Context as _;
use pipeline::Totals as Spec;
use tokio_postgres::Client;
use warehouse::quoted;

use super::books::{self, Books};
use crate::stack::postgres;

/// One table and the books of its group, as of one moment.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) books: BTreeMap<i32, Books>,
    /// The sum over all keys, as text.
    pub(crate) sum: String,
}

/// Reads both in one snapshot.
pub(crate) async fn read(client: &mut Client, topic: &str, spec: &Spec) -> anyhow::Result<Totals> {
    let transaction = postgres::snapshot(client).await?;
    let books = books::read(&transaction, &spec.consumer_group, topic).await?;
    let (table, total) = (quoted(&spec.table), quoted(&spec.total_column));
    let sql = format!("SELECT coalesce(sum({total}), 0)::text FROM {table}");
    let row = transaction.query_one(&sql, &[]).await;
    let sum = row.with_context(|| format!("cannot read {}", spec.table))?.get(0);
    transaction.commit().await.context("cannot read the totals")?;
    Ok(Totals { books, sum })
}
