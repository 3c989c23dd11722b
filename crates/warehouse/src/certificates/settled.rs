//! The expected amounts of sinks, the acceptance of failed certificates, and the lock of a run.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::error::WarehouseError;

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The number of the advisory lock that a run of the reconciler holds: the ASCII codes of `hwrc`.
const LOCK: i64 = 0x6877_7263;

/// Tries to take the reconciler's lock for this connection. Returns `false` if another run holds it. The lock ends with
/// [`unlock`] or with the connection.
pub async fn try_lock(client: &Client) -> Result<bool, WarehouseError> {
    let row = client.query_typed_one("SELECT pg_try_advisory_lock($1)", &[(&LOCK, Type::INT8)]).await;
    Ok(row.map_err(WarehouseError::statement("lock the certificates"))?.get(0))
}

/// Releases the reconciler's lock.
pub async fn unlock(client: &Client) -> Result<(), WarehouseError> {
    let row = client.query_typed_one("SELECT pg_advisory_unlock($1)", &[(&LOCK, Type::INT8)]).await;
    row.map(|_| ()).map_err(WarehouseError::statement("unlock the certificates"))
}

/// Accepts the failed certificates of a lane, with the reason. Also forgets the expected amount of the lane's sink: the
/// next comparison begins with what the sink holds then. Returns the number of certificates.
///
/// # Errors
/// [`WarehouseError::Statement`] if Postgres fails. Nothing is accepted then.
pub async fn accept(client: &Client, topic: &str, group: &str, reason: &str) -> Result<u64, WarehouseError> {
    let failed = WarehouseError::statement("accept certificates");
    // Wait for a run in progress. It would otherwise save what it read before.
    client.batch_execute("BEGIN").await.map_err(&failed)?;
    client.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await.map_err(&failed)?;
    let parameters: [Parameter<'_>; 3] = [(&topic, Type::TEXT), (&group, Type::TEXT), (&reason, Type::TEXT)];
    let row = client
        .query_typed_one(
            "WITH accepted AS (UPDATE certificates SET state = 'accepted', reason = $3 \
             WHERE topic = $1 AND consumer_group = $2 AND state = 'failed' RETURNING 1), \
             forgotten AS (DELETE FROM certified_amounts WHERE topic = $1 AND consumer_group = $2 \
             AND EXISTS (SELECT FROM accepted)) SELECT count(*) FROM accepted",
            &parameters,
        )
        .await
        .map_err(&failed)?;
    client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// The expected amount of a sink at a position of its lane: the sum of a totals table, or the number of rows in the
/// lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// Kafka's id of the topic.
    pub topic_id: String,
    /// The lane's position, as JSON.
    pub position: String,
    /// The expected amount, as decimal text.
    pub amount: String,
}

/// Reads the expected amount of a lane's sink. Returns `None` if none is stored.
pub async fn amount(client: &Client, topic: &str, group: &str) -> Result<Option<Amount>, WarehouseError> {
    let row = client
        .query_typed(
            "SELECT topic_id, position, amount FROM certified_amounts WHERE topic = $1 AND consumer_group = $2",
            &[(&topic, Type::TEXT), (&group, Type::TEXT)],
        )
        .await
        .map_err(WarehouseError::statement("read the expected amount of a sink"))?;
    Ok(row.first().map(|row| Amount { topic_id: row.get(0), position: row.get(1), amount: row.get(2) }))
}

/// Stores the expected amount of a lane's sink.
pub async fn set_amount(
    client: &Client,
    topic: &str,
    group: &str,
    amount: &Amount,
) -> Result<(), WarehouseError> {
    client
        .execute_typed(
            "INSERT INTO certified_amounts (topic, consumer_group, topic_id, position, amount) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (topic, consumer_group) DO UPDATE SET topic_id = EXCLUDED.topic_id, \
             position = EXCLUDED.position, amount = EXCLUDED.amount, updated_at = now()",
            &[
                (&topic, Type::TEXT),
                (&group, Type::TEXT),
                (&amount.topic_id, Type::TEXT),
                (&amount.position, Type::TEXT),
                (&amount.amount, Type::TEXT),
            ],
        )
        .await
        .map_err(WarehouseError::statement("store the expected amount of a sink"))?;
    Ok(())
}
