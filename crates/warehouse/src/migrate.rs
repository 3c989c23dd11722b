//! The migrations. They are compiled in and applied once each, in order, under a lock, so several migrators can run at
//! once.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;

/// All migrations, in order. A migration must not change after it was applied; the database stores its checksum.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_kafka_offsets", include_str!("../migrations/0001_kafka_offsets.sql")),
    ("0002_objects", include_str!("../migrations/0002_objects.sql")),
    ("0003_positions", include_str!("../migrations/0003_positions.sql")),
    ("0004_incarnations", include_str!("../migrations/0004_incarnations.sql")),
    ("0005_certificates", include_str!("../migrations/0005_certificates.sql")),
];

/// The number of the advisory lock: the ASCII codes of `hwtr`. No other code uses it.
const LOCK: i64 = 0x6877_7472;

/// Applies the missing migrations, and then runs `also` in the same transaction. Returns the names of the migrations
/// that were applied.
///
/// # Errors
/// [`WarehouseError::Schema`] if an applied migration was changed. After an error nothing is applied.
pub async fn migrate(
    client: &Client,
    also: impl AsyncFnOnce(&Client) -> Result<(), WarehouseError>,
) -> Result<Vec<&'static str>, WarehouseError> {
    let failed = WarehouseError::statement("migrate");
    client.batch_execute("BEGIN").await.map_err(&failed)?;
    client.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await.map_err(&failed)?;
    // While a statement waits for a table's exclusive lock, all readers and writers of the table wait behind it. So the
    // wait is short, and the caller tries the whole run again.
    client.batch_execute("SET LOCAL lock_timeout = '3s'").await.map_err(&failed)?;
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                name text PRIMARY KEY,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )",
        )
        .await
        .map_err(&failed)?;
    let mut applied = Vec::new();
    for &(name, sql) in MIGRATIONS {
        let row = client
            .query_typed_one(
                "SELECT md5($2) AS checksum, (SELECT checksum FROM schema_migrations WHERE name = $1) AS applied",
                &[(&name, Type::TEXT), (&sql, Type::TEXT)],
            )
            .await
            .map_err(&failed)?;
        let (checksum, before): (String, Option<String>) = (row.get("checksum"), row.get("applied"));
        match before {
            Some(before) if before == checksum => continue,
            Some(_) => {
                return Err(WarehouseError::Schema(format!(
                    "migration {name} was changed after it was applied; add a new migration instead"
                )));
            }
            None => {}
        }
        client.batch_execute(sql).await.map_err(&failed)?;
        client
            .execute_typed(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                &[(&name, Type::TEXT), (&checksum, Type::TEXT)],
            )
            .await
            .map_err(&failed)?;
        applied.push(name);
    }
    also(client).await?;
    client.batch_execute("COMMIT").await.map_err(&failed)?;
    Ok(applied)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_pipeline_file_may_fill_a_table_of_the_migrations() {
        let created = |sql: &'static str| {
            sql.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.strip_suffix(" ("))
        };
        let mut tables: BTreeSet<_> = MIGRATIONS.iter().flat_map(|&(_, sql)| created(sql)).collect();
        // The table in which the migrations themselves are noted.
        tables.insert("schema_migrations");
        assert_eq!(tables, BTreeSet::from(pipeline::OWN_TABLES));
    }
}
