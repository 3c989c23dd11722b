//! Tables with a retention. They are partitioned by day. Partitions are created in advance and dropped when they
//! expire.
//!
//! Rows whose day has no partition are in the default partition: their day was already over, or far in the future, when
//! they came. They are deleted `retention_days` after Headwater stored them. Kafka's timestamp is not used for that,
//! because the producer sets it: if old records were replayed with their original timestamps, their rows would be
//! deleted the next night.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;
use crate::names::{list, quoted};

/// The column with the time of storing. Only tables with a retention have it. It is filled by its default, because no
/// function names it in an insert. So it also works with functions of an older deployment.
pub(crate) const STORED_AT: &str = "_stored_at";

/// The number of days for which partitions are created in advance. The daily run can fail that long before rows go to
/// the default partition.
const AHEAD: u64 = 7;

/// The retention of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The table's name, without quotes.
    table: String,
    /// The column by whose day the table is partitioned.
    column: String,
    /// The number of days after which rows are deleted.
    days: u32,
}

impl Retention {
    /// Keeps the rows of `table` for `days` days after the day of `column`.
    pub(crate) fn new(table: &str, column: &str, days: u32) -> Self {
        Self { table: table.to_owned(), column: column.to_owned(), days }
    }

    /// The column by whose day (UTC) the table is partitioned.
    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    /// Whether a row may already be deleted at `now`. That is the case if the retention after its event is over. It is
    /// also the case if the day of its event has no partition yet and the retention after storing is over. The time of
    /// storing of a deleted row is unknown, so Kafka's timestamp is used for it.
    pub(crate) fn is_over(
        &self,
        event: DateTime<Utc>,
        received_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let day = |time: DateTime<Utc>| time.date_naive();
        let oldest = day(now) - Days::new(self.days.into());
        let has_no_partition = day(event) > day(now) + Days::new(AHEAD);
        day(event) < oldest || (has_no_partition && day(received_at) < oldest)
    }

    /// The name of the partition for rows whose day has no partition.
    fn default_partition(&self) -> String {
        format!("{}_default", self.table)
    }

    /// The name of a day's partition, such as `positions_d20261125`.
    fn partition(&self, day: NaiveDate) -> String {
        format!("{}_d{}", self.table, day.format("%Y%m%d"))
    }

    /// Creates the partitions from yesterday to [`AHEAD`] days in the future, and deletes expired rows.
    pub(crate) async fn keep_up(&self, client: &Client, today: NaiveDate) -> Result<(), WarehouseError> {
        let failed = WarehouseError::statement("keep a table's partitions");
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
        // Days are in UTC, independent of the session's time zone.
        let sql =
            format!("DELETE FROM {default} WHERE {} < $1::timestamp AT TIME ZONE 'UTC'", quoted(STORED_AT));
        let oldest = oldest.and_time(chrono::NaiveTime::MIN);
        client.execute_typed(&sql, &[(&oldest, Type::TIMESTAMP)]).await.map_err(&failed)?;
        Ok(())
    }

    /// The days that have a partition.
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

    /// Creates a day's partition, and moves the rows of that day from the default partition to it. They keep their time
    /// of storing.
    async fn make(&self, client: &Client, day: NaiveDate) -> Result<(), WarehouseError> {
        let (table, default) = (quoted(&self.table), quoted(&self.default_partition()));
        let (partition, column) = (quoted(&self.partition(day)), quoted(&self.column));
        let columns = self.columns(client).await?;
        // A date contains only digits and dashes, so it needs no quoting.
        let (from, to) = (format!("'{day} 00:00:00+00'"), format!("'{} 00:00:00+00'", day + Days::new(1)));
        let sql = format!(
            "LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE; \
             CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); \
             WITH moved AS (DELETE FROM {default} WHERE {column} >= {from} AND {column} < {to} RETURNING {columns}) \
             INSERT INTO {partition} ({columns}) SELECT {columns} FROM moved; \
             ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({from}) TO ({to})"
        );
        client.batch_execute(&sql).await.map_err(WarehouseError::statement("make a day's partition"))
    }

    /// The names of the table's columns. Needed because a partition can have its columns in another order.
    async fn columns(&self, client: &Client) -> Result<String, WarehouseError> {
        let rows = client
            .query_typed(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 \
                 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
                &[(&quoted(&self.table), Type::TEXT)],
            )
            .await
            .map_err(WarehouseError::statement("list a table's columns"))?;
        Ok(list(&rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_over_by_whole_days_of_its_event_or_when_it_never_had_a_day() {
        let retention = Retention::new("t", "at", 30);
        let at = |day: &str| DateTime::parse_from_rfc3339(&format!("{day}:00:00Z")).unwrap().to_utc();
        let now = at("2026-11-25T23");
        let is_over = |event: &str, received: &str| retention.is_over(at(event), at(received), now);
        // The partition of 26 October is dropped on 26 November.
        assert!(!is_over("2026-10-26T00", "2026-10-26T00"));
        assert!(is_over("2026-10-25T23", "2026-10-25T23"));
        // An old timestamp of the producer does not matter for a row with an event of today.
        assert!(!is_over("2026-11-25T00", "2026-08-01T00"));
        // The event is far in the future, so the row is kept for the retention after it came.
        assert!(is_over("2099-01-01T00", "2026-10-01T00"));
        assert!(!is_over("2099-01-01T00", "2026-11-01T00"));
        // The day of the event has a partition.
        assert!(!is_over("2026-11-09T00", "2026-10-01T00"));
    }
}
