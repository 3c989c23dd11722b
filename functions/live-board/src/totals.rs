//! The largest running totals of each pipeline with a `totals` section, from Postgres.

use chrono::{DateTime, Utc};
use pipeline::{Layout, Pipeline, TotalsSection};
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{Client, WarehouseError, quoted};

use crate::error::BoardError;
use crate::sources::Sources;

/// The number of totals that are shown for each table.
const LARGEST: u32 = 25;

impl Sources {
    /// The answer of `api/totals`: the largest totals of each pipeline with a `totals` section.
    pub(crate) async fn totals(&self, deadline: Instant) -> Result<Value, BoardError> {
        let pipelines = self.pipelines(deadline).await?;
        let specs: Vec<_> =
            pipelines.iter().filter_map(|pipeline| Some((pipeline, pipeline.totals.as_ref()?))).collect();
        let read = self.warehouse.run("read the totals", deadline, async |client| {
            let mut tables = Vec::new();
            for (pipeline, spec) in &specs {
                tables.push(table(client, pipeline, spec).await?);
            }
            // The page gives the first table the most space, so tables without rows come last.
            tables.sort_by_key(|table| table["row_count"] == 0);
            Ok::<_, WarehouseError>(json!({ "tables": tables }))
        });
        Ok(read.await?)
    }
}

/// The largest totals of one table, with its number of rows and its sum. Totals are text, because numbers in
/// JavaScript are exact only up to 2^53.
async fn table(client: &Client, pipeline: &Pipeline, spec: &TotalsSection) -> Result<Value, WarehouseError> {
    let layout = Layout::of(&pipeline.fields);
    let places = spec.key.iter().filter_map(|path| layout.column_index(path));
    let keys: Vec<&str> = places.map(|place| layout.columns[place].name.as_str()).collect();
    let (name, total) = (quoted(&spec.table), quoted(&spec.total_column));
    let texts = keys.iter().map(|key| format!("{}::text", quoted(key))).collect::<Vec<_>>().join(", ");
    let failed = WarehouseError::statement("read the totals");
    // Rows with equal totals are ordered by key, so that they do not change places on the page.
    let largest = format!(
        "SELECT ARRAY[{texts}], {total}::text, updated_at FROM {name} ORDER BY {total} DESC, {texts} LIMIT {LARGEST}"
    );
    let all = format!("SELECT count(*), coalesce(sum({total}), 0)::text, max(updated_at) FROM {name}");
    // Both statements are polled together, so they are sent in one round trip.
    let (rows, whole) =
        tokio::try_join!(client.query_typed(&largest, &[]), client.query_typed_one(&all, &[]))
            .map_err(failed)?;
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let (key, total): (Vec<String>, String) = (row.get(0), row.get(1));
            json!({"key": key, "total": total, "updated_at": row.get::<_, DateTime<Utc>>(2)})
        })
        .collect();
    let (count, sum): (i64, String) = (whole.get(0), whole.get(1));
    Ok(json!({
        "topic": pipeline.topic.name, "table": spec.table, "column": spec.total_column, "keys": keys, "rows": rows,
        "row_count": count, "sum": sum, "updated_at": whole.get::<_, Option<DateTime<Utc>>>(2),
    }))
}
