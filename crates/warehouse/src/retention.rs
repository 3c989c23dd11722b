//! Tables that forget: partitioned by day, days made ahead and dropped when they are over.
//!
//! A row whose day has no partition lies in the default partition: far from now when it came. It is kept so many days
//! after it came. So nothing is refused, and replayed history does not vanish with the next night.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;
use crate::names::quoted;
use crate::rows_table::RECEIVED_AT;

/// Partitions are made for so many days to come: as long may the daily run fail before rows go to the default partition.
const AHEAD: u64 = 7;

/// A table's retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    table: String,
    column: String,
    days: u32,
}

impl Retention {
    /// Keeps rows of `table` for so many days after the day of `column`.
    pub(crate) fn new(table: &str, column: &str, days: u32) -> Self {
        Self { table: table.to_owned(), column: column.to_owned(), days }
    }

    /// The clause behind the columns.
    pub(crate) fn partition_by(&self) -> String {
        format!(" PARTITION BY RANGE ({})", quoted(&self.column))
    }

    fn default_partition(&self) -> String {
        format!("{}_default", self.table)
    }

    fn partition(&self, day: NaiveDate) -> String {
        format!("{}_d{}", self.table, day.format("%Y%m%d"))
    }

    /// Makes the partitions of yesterday, today and the days to come, and drops what is over.
    pub(crate) async fn keep_up(&self, client: &Client, today: NaiveDate) -> Result<(), WarehouseError> {
        let failed = WarehouseError::statement("keep a table's partitions");
        // Writers queue behind whoever waits for a table; so nobody waits for long, and the run is tried again.
        client.batch_execute("SET LOCAL lock_timeout = '3s'").await.map_err(&failed)?;
        let (table, default) = (quoted(&self.table), quoted(&self.default_partition()));
        let sql = format!("CREATE TABLE IF NOT EXISTS {default} PARTITION OF {table} DEFAULT");
        client.batch_execute(&sql).await.map_err(&failed)?;
        let there = self.days_there(client).await?;
        let oldest = today - Days::new(self.days.into());
        let first = oldest.max(today - Days::new(1));
        for day in first.iter_days().take_while(|day| *day <= today + Days::new(AHEAD)) {
            if !there.contains(&day) {
                self.make(client, day).await?;
            }
        }
        for day in there.iter().filter(|day| **day < oldest) {
            let sql = format!("DROP TABLE {}", quoted(&self.partition(*day)));
            client.batch_execute(&sql).await.map_err(&failed)?;
        }
        let sql = format!("DELETE FROM {default} WHERE {} < $1::date", quoted(RECEIVED_AT));
        client.execute_typed(&sql, &[(&oldest, Type::DATE)]).await.map_err(&failed)?;
        Ok(())
    }

    async fn days_there(&self, client: &Client) -> Result<BTreeSet<NaiveDate>, WarehouseError> {
        let rows = client
            .query_typed(
                "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                 WHERE i.inhparent = $1::text::regclass",
                &[(&quoted(&self.table), Type::TEXT)],
            )
            .await
            .map_err(WarehouseError::statement("list a table's partitions"))?;
        let day = |name: String| NaiveDate::parse_from_str(name.rsplit_once("_d")?.1, "%Y%m%d").ok();
        Ok(rows.iter().filter_map(|row| day(row.get(0))).collect())
    }

    /// Makes a day's partition and moves the rows there that came before it was made.
    async fn make(&self, client: &Client, day: NaiveDate) -> Result<(), WarehouseError> {
        let (table, default) = (quoted(&self.table), quoted(&self.default_partition()));
        let (partition, column) = (quoted(&self.partition(day)), quoted(&self.column));
        // Dates are digits and dashes.
        let (from, to) = (format!("'{day} 00:00:00+00'"), format!("'{} 00:00:00+00'", day + Days::new(1)));
        let sql = format!(
            "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE; \
             CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); \
             WITH moved AS (DELETE FROM {default} WHERE {column} >= {from} AND {column} < {to} RETURNING *) \
             INSERT INTO {partition} SELECT * FROM moved; \
             ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({from}) TO ({to})"
        );
        client.batch_execute(&sql).await.map_err(WarehouseError::statement("make a day's partition"))
    }
}
