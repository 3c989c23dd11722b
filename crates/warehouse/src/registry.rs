//! The registry of processed objects: what was read of each object version. Saved in the transaction that stores the
//! rows.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::columns::Columns;
use crate::error::WarehouseError;

/// How far an object's version has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The reading is not finished and will be continued.
    Unfinished,
    /// Every row was stored, ignored or parked.
    Processed,
    /// The object, or its rest after the last readable row, could not be read and was parked.
    Parked,
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Unfinished => "unfinished",
            Self::Processed => "processed",
            Self::Parked => "parked",
        })
    }
}

impl FromStr for State {
    type Err = WarehouseError;

    fn from_str(text: &str) -> Result<Self, WarehouseError> {
        match text {
            "unfinished" => Ok(Self::Unfinished),
            "processed" => Ok(Self::Processed),
            "parked" => Ok(Self::Parked),
            other => Err(WarehouseError::Schema(format!("processed_objects.state holds {other:?}"))),
        }
    }
}

/// The state of reading an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEntry {
    /// The object's version: its `ETag`.
    pub version: String,
    /// When this version was written, by the object store's clock.
    pub modified: DateTime<Utc>,
    /// The number of this reading of the object, from 1. Each new version starts a new reading.
    pub reading: i64,
    /// How far the reading has come.
    pub state: State,
    /// The index of the next element to read, and the byte offset after the last element that was read.
    pub next: (i64, i64),
    /// The number of rows stored in a table.
    pub rows_good: i64,
    /// The number of rows that the lane ignores on purpose.
    pub rows_ignored: i64,
    /// The number of rows parked.
    pub rows_parked: i64,
    /// Why the object was parked as a whole. `None` if it was not.
    pub reason: Option<String>,
}

impl RegistryEntry {
    /// Starts a reading. `before` is the registered state of the object, if it has one.
    #[must_use]
    pub fn begin(before: Option<&Self>, version: &str, modified: DateTime<Utc>) -> Self {
        Self {
            version: version.to_owned(),
            modified,
            reading: before.map_or(0, |before| before.reading) + 1,
            state: State::Unfinished,
            next: (0, 0),
            rows_good: 0,
            rows_ignored: 0,
            rows_parked: 0,
            reason: None,
        }
    }
}

/// Finds the registered state of these objects, by key. With `lock` the entries stay locked until the transaction ends.
///
/// # Errors
/// [`WarehouseError::Schema`] if an entry has a state that this version does not know.
pub async fn find(
    client: &Client,
    bucket: &str,
    keys: &[&str],
    lock: bool,
) -> Result<BTreeMap<String, RegistryEntry>, WarehouseError> {
    const FIND: &str = "SELECT key, version, modified, reading, state, next_element, next_byte, rows_good, \
        rows_ignored, rows_parked, reason FROM processed_objects WHERE bucket = $1 AND key = ANY($2) ORDER BY key";
    let sql = if lock { format!("{FIND} FOR UPDATE") } else { FIND.to_owned() };
    let rows = client
        .query_typed(&sql, &[(&bucket, Type::TEXT), (&keys, Type::TEXT_ARRAY)])
        .await
        .map_err(WarehouseError::statement("look for processed objects"))?;
    rows.iter()
        .map(|row| {
            let entry = RegistryEntry {
                version: row.get(1),
                modified: row.get(2),
                reading: row.get(3),
                state: row.get::<_, &str>(4).parse()?,
                next: (row.get(5), row.get(6)),
                rows_good: row.get(7),
                rows_ignored: row.get(8),
                rows_parked: row.get(9),
                reason: row.get(10),
            };
            Ok((row.get(0), entry))
        })
        .collect()
}

/// Saves the state of objects. They are locked in the order of their keys, so that two writers cannot deadlock. An
/// entry with a newer reading is not overwritten.
pub async fn save(
    client: &Client,
    lane: &str,
    bucket: &str,
    entries: &BTreeMap<String, RegistryEntry>,
) -> Result<(), WarehouseError> {
    let columns = Columns::of(entries)
        .same(lane, Type::TEXT)
        .same(bucket, Type::TEXT)
        .column(Type::TEXT_ARRAY, |(key, _)| key)
        .column(Type::TEXT_ARRAY, |(_, entry)| entry.version.as_str())
        .column(Type::TIMESTAMPTZ_ARRAY, |(_, entry)| entry.modified)
        .column(Type::INT8_ARRAY, |(_, entry)| entry.reading)
        .column(Type::TEXT_ARRAY, |(_, entry)| entry.state.to_string())
        .column(Type::INT8_ARRAY, |(_, entry)| entry.next.0)
        .column(Type::INT8_ARRAY, |(_, entry)| entry.next.1)
        .column(Type::INT8_ARRAY, |(_, entry)| entry.rows_good)
        .column(Type::INT8_ARRAY, |(_, entry)| entry.rows_ignored)
        .column(Type::INT8_ARRAY, |(_, entry)| entry.rows_parked)
        .column(Type::TEXT_ARRAY, |(_, entry)| entry.reason.as_deref());
    columns.execute(client, SAVE, "save processed objects").await.map(drop)
}

/// Inserts or replaces entries. An entry of an older reading, or of an older version in the same reading, replaces
/// nothing.
const SAVE: &str = "INSERT INTO processed_objects (lane, bucket, key, version, modified, reading, state, \
        next_element, next_byte, rows_good, rows_ignored, rows_parked, reason) \
    SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::int8[], $7::text[], $8::int8[], \
        $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::text[]) AS u \
    ON CONFLICT (bucket, key) DO UPDATE SET lane = EXCLUDED.lane, version = EXCLUDED.version, \
        modified = EXCLUDED.modified, reading = EXCLUDED.reading, state = EXCLUDED.state, \
        next_element = EXCLUDED.next_element, next_byte = EXCLUDED.next_byte, rows_good = EXCLUDED.rows_good, \
        rows_ignored = EXCLUDED.rows_ignored, rows_parked = EXCLUDED.rows_parked, reason = EXCLUDED.reason, \
        processed_at = now() \
    WHERE processed_objects.reading < EXCLUDED.reading OR (processed_objects.reading = EXCLUDED.reading \
        AND processed_objects.modified <= EXCLUDED.modified)";

/// Locks an object until [`release`] or the end of the connection. Waits up to 10 s for another session to finish.
/// Returns `false` if another session still has the lock. Two objects with the same hash block each other, which costs
/// only time.
pub async fn claim(client: &Client, bucket: &str, key: &str) -> Result<bool, WarehouseError> {
    // A function that ran out of time can be frozen, or its machine can disappear. With these settings the server ends
    // such a session after a minute instead of two hours. The lock timeout exists because waiting functions cost money.
    const SETTINGS: &str = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
        SET tcp_keepalives_count = 3; SET lock_timeout = '10s'; SET idle_session_timeout = '60s'";
    const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended($1, 0) # hashtextextended($2, 1))";
    // Polled together, the statements are sent together.
    let locked = tokio::try_join!(
        biased;
        client.batch_execute(SETTINGS),
        async { client.query_typed(LOCK, &[(&bucket, Type::TEXT), (&key, Type::TEXT)]).await },
    );
    match locked {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        Err(error) => Err(WarehouseError::statement("wait for an object")(error)),
    }
}

/// Rolls back and releases all objects that this session has locked.
pub async fn release(client: &Client) -> Result<(), WarehouseError> {
    client
        .batch_execute(
            "ROLLBACK; SELECT pg_advisory_unlock_all(); RESET lock_timeout; RESET idle_session_timeout",
        )
        .await
        .map_err(WarehouseError::statement("release an object"))
}

/// The reason for parking an object whose key contains a NUL, which Postgres cannot store.
pub const NUL_IN_KEY: &str =
    "the table cannot hold it: the object's key holds a NUL; copy the object to another key";

/// Whether the registry can store this key.
#[must_use]
pub fn can_hold(key: &str) -> bool {
    !key.contains('\0')
}

/// Returns the keys of a bucket's objects that are unfinished, or whose version differs from the registered one.
/// `current` has key and version of each object. Unfinished ones come last, so that an object that can never be
/// finished does not block the others.
pub async fn outdated(
    client: &Client,
    bucket: &str,
    current: &[(&str, &str)],
) -> Result<Vec<String>, WarehouseError> {
    let (keys, versions): (Vec<&str>, Vec<&str>) = current.iter().copied().unzip();
    let rows = client
        .query_typed(
            "SELECT u.key FROM unnest($2::text[], $3::text[]) AS u(key, version) \
             LEFT JOIN processed_objects p ON p.bucket = $1 AND p.key = u.key \
             WHERE p.version IS DISTINCT FROM u.version OR p.state = 'unfinished' \
             ORDER BY p.state IS NOT DISTINCT FROM 'unfinished', u.key COLLATE \"C\"",
            &[(&bucket, Type::TEXT), (&keys, Type::TEXT_ARRAY), (&versions, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(WarehouseError::statement("look for objects that were not processed"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
