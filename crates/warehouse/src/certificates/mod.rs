//! Certificates: the results of the function `reconciler`, one per lane and window of offsets.

mod settled;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::WarehouseError;

pub use settled::{Amount, accept, amount, set_amount, try_lock, unlock};

/// The state of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The window is closed and not judged yet.
    Open,
    /// Every record was stored or parked exactly once.
    Holds,
    /// Something is wrong. The window is judged again until it holds.
    Failed,
    /// It failed, and an operator accepted it with a reason.
    Accepted,
    /// It failed for too long and is not judged any more.
    Expired,
}

impl State {
    /// The state's name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Holds => "holds",
            Self::Failed => "failed",
            Self::Accepted => "accepted",
            Self::Expired => "expired",
        }
    }

    /// Parses the state's name in the database.
    fn parse(text: &str) -> Result<Self, WarehouseError> {
        [Self::Open, Self::Holds, Self::Failed, Self::Accepted, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| WarehouseError::Schema(format!("certificates.state holds {text:?}")))
    }
}

/// A lane of a topic: the consumer group that one function reads with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Lane {
    /// The topic's name.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The function, by the name of its folder.
    pub function: String,
}

/// The offsets of one partition in a window: from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The partition's number.
    pub partition: i32,
    /// The first offset.
    pub start: i64,
    /// One past the last offset.
    pub end: i64,
}

/// The number of records in a window, by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records in Kafka.
    pub produced: i64,
    /// Records that are stored.
    pub stored: i64,
    /// Of the stored records, those whose key had a row already.
    pub repeated: i64,
    /// Records that were parked and not stored since.
    pub parked: i64,
    /// Records that are neither stored nor parked.
    pub missing: i64,
    /// Records that are stored more than once, or both stored and parked.
    pub doubled: i64,
    /// Records that Kafka deleted before the lane read them.
    pub lost: i64,
}

/// The certificate of one window of one lane.
#[derive(Debug, Clone, Serialize)]
pub struct Certificate {
    /// The lane.
    #[serde(flatten)]
    pub lane: Lane,
    /// The window's number within the lane, from 1.
    pub number: i64,
    /// Kafka's id of the topic. It changes if the topic is recreated.
    pub topic_id: String,
    /// The offsets of the window, by partition.
    pub window: Vec<Span>,
    /// When the window began.
    pub opened_at: DateTime<Utc>,
    /// When the window ended.
    pub closed_at: DateTime<Utc>,
    /// The state of the certificate.
    pub state: State,
    /// When it was last judged. `None` if it was not judged yet.
    pub judged_at: Option<DateTime<Utc>>,
    /// The counts of the last judging.
    #[serde(flatten)]
    pub counts: Counts,
    /// The differences that were found, as text.
    pub problems: Vec<String>,
    /// What was not compared, and why.
    pub notes: Vec<String>,
    /// The operator's reason for accepting it.
    pub reason: Option<String>,
}

macro_rules! columns {
    () => {
        "topic, consumer_group, function, number, topic_id, partitions, starts, ends, opened_at, closed_at, state, judged_at, \
         produced, stored, repeated, parked, missing, doubled, lost, problems, notes, reason"
    };
}

impl Certificate {
    /// Fails with [`WarehouseError::Schema`] if the state is unknown.
    fn of(row: &Row) -> Result<Self, WarehouseError> {
        let (partitions, starts, ends): (Vec<i32>, Vec<i64>, Vec<i64>) =
            (row.get("partitions"), row.get("starts"), row.get("ends"));
        let spans = partitions.into_iter().zip(starts.into_iter().zip(ends));
        Ok(Self {
            lane: Lane {
                topic: row.get("topic"),
                group: row.get("consumer_group"),
                function: row.get("function"),
            },
            number: row.get("number"),
            topic_id: row.get("topic_id"),
            window: spans.map(|(partition, (start, end))| Span { partition, start, end }).collect(),
            opened_at: row.get("opened_at"),
            closed_at: row.get("closed_at"),
            state: State::parse(row.get("state"))?,
            judged_at: row.get("judged_at"),
            counts: Counts {
                produced: row.get("produced"),
                stored: row.get("stored"),
                repeated: row.get("repeated"),
                parked: row.get("parked"),
                missing: row.get("missing"),
                doubled: row.get("doubled"),
                lost: row.get("lost"),
            },
            problems: row.get("problems"),
            notes: row.get("notes"),
            reason: row.get("reason"),
        })
    }

    /// The number of offsets in the window.
    #[must_use]
    pub fn offsets(&self) -> i64 {
        self.window.iter().map(|span| span.end - span.start).sum()
    }
}

/// A parameter of a statement, with its SQL type. With the type, the statement needs no preparation.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Runs a query that returns the columns of `columns!`.
async fn select(
    client: &Client,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Certificate>, WarehouseError> {
    let rows = client.query_typed(sql, parameters).await;
    rows.map_err(WarehouseError::statement("read the certificates"))?.iter().map(Certificate::of).collect()
}

/// Reads the newest window of each lane of a topic.
pub async fn newest(client: &Client, topic: &str) -> Result<Vec<Certificate>, WarehouseError> {
    const SQL: &str = concat!(
        "SELECT DISTINCT ON (consumer_group) ",
        columns!(),
        " FROM certificates WHERE topic = $1 ORDER BY consumer_group, number DESC"
    );
    select(client, SQL, &[(&topic, Type::TEXT)]).await
}

/// Adds a closed window. Returns `false` if it exists already, for example because another run closed it at the same
/// time.
pub async fn close(client: &Client, window: &Certificate) -> Result<bool, WarehouseError> {
    let partitions: Vec<i32> = window.window.iter().map(|span| span.partition).collect();
    let starts: Vec<i64> = window.window.iter().map(|span| span.start).collect();
    let ends: Vec<i64> = window.window.iter().map(|span| span.end).collect();
    let state = window.state.as_str();
    let added = client
        .execute_typed(
            "INSERT INTO certificates (topic, consumer_group, function, number, topic_id, partitions, starts, ends, \
             opened_at, closed_at, state, judged_at, problems, notes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
            &[
                (&window.lane.topic, Type::TEXT),
                (&window.lane.group, Type::TEXT),
                (&window.lane.function, Type::TEXT),
                (&window.number, Type::INT8),
                (&window.topic_id, Type::TEXT),
                (&partitions, Type::INT4_ARRAY),
                (&starts, Type::INT8_ARRAY),
                (&ends, Type::INT8_ARRAY),
                (&window.opened_at, Type::TIMESTAMPTZ),
                (&window.closed_at, Type::TIMESTAMPTZ),
                (&state, Type::TEXT),
                (&window.judged_at, Type::TIMESTAMPTZ),
                (&window.problems, Type::TEXT_ARRAY),
                (&window.notes, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map_err(WarehouseError::statement("close a window"))?;
    Ok(added == 1)
}

/// Reads the windows of a topic that are to be judged: those closed by `until`. Open ones come before failed ones,
/// older ones before newer ones. At most 500.
pub async fn due(
    client: &Client,
    topic: &str,
    until: DateTime<Utc>,
) -> Result<Vec<Certificate>, WarehouseError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM certificates WHERE topic = $1 AND state IN ('open', 'failed') AND closed_at <= $2 \
         ORDER BY state = 'failed', closed_at, number, consumer_group LIMIT 500"
    );
    select(client, SQL, &[(&topic, Type::TEXT), (&until, Type::TIMESTAMPTZ)]).await
}

/// Saves the result of judging a window. A window that an operator accepted in the meantime stays accepted.
pub async fn save(client: &Client, judged: &Certificate) -> Result<(), WarehouseError> {
    let (state, counts) = (judged.state.as_str(), &judged.counts);
    client
        .execute_typed(
            "UPDATE certificates SET state = $4, judged_at = now(), produced = $5, stored = $6, repeated = $7, \
             parked = $8, missing = $9, doubled = $10, lost = $11, problems = $12, notes = $13 \
             WHERE topic = $1 AND consumer_group = $2 AND number = $3 AND state IN ('open', 'failed')",
            &[
                (&judged.lane.topic, Type::TEXT),
                (&judged.lane.group, Type::TEXT),
                (&judged.number, Type::INT8),
                (&state, Type::TEXT),
                (&counts.produced, Type::INT8),
                (&counts.stored, Type::INT8),
                (&counts.repeated, Type::INT8),
                (&counts.parked, Type::INT8),
                (&counts.missing, Type::INT8),
                (&counts.doubled, Type::INT8),
                (&counts.lost, Type::INT8),
                (&judged.problems, Type::TEXT_ARRAY),
                (&judged.notes, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map_err(WarehouseError::statement("save a certificate"))?;
    Ok(())
}

/// Marks failed windows that closed before `expiry` as expired. Deletes settled windows that closed before `deletion`,
/// except the newest window of each lane, because the next window begins at its end. Returns how many expired.
pub async fn age(
    client: &Client,
    expiry: DateTime<Utc>,
    deletion: DateTime<Utc>,
) -> Result<u64, WarehouseError> {
    let failed = WarehouseError::statement("age the certificates");
    let expired = client
        .execute_typed(
            "UPDATE certificates SET state = 'expired' WHERE state = 'failed' AND closed_at < $1",
            &[(&expiry, Type::TIMESTAMPTZ)],
        )
        .await
        .map_err(&failed)?;
    client
        .execute_typed(
            "DELETE FROM certificates c WHERE closed_at < $1 AND state NOT IN ('open', 'failed') AND EXISTS (\
             SELECT FROM certificates n WHERE n.topic = c.topic AND n.consumer_group = c.consumer_group \
             AND n.number > c.number)",
            &[(&deletion, Type::TIMESTAMPTZ)],
        )
        .await
        .map_err(failed)?;
    Ok(expired)
}

/// A summary of the certificates of all lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The number of failed certificates.
    pub failed: i64,
    /// The age of the newest judged window, in seconds since it closed, for the lane where this is longest. For a lane
    /// without a judged window: the seconds since its first window began.
    pub oldest_uncertified_seconds: i64,
}

/// Computes the summary for these topics, as of now.
///
/// For topics without certificates, both numbers are 0.
pub async fn standing(client: &Client, topics: &[&str]) -> Result<Standing, WarehouseError> {
    let row = client
        .query_typed_one(
            "SELECT (SELECT count(*) FROM certificates WHERE topic = ANY($1) AND state = 'failed'), \
             coalesce((SELECT max(extract(epoch FROM now() - since))::int8 FROM (\
             SELECT coalesce(max(closed_at) FILTER (WHERE state <> 'open'), min(opened_at)) AS since \
             FROM certificates WHERE topic = ANY($1) GROUP BY topic, consumer_group) l), 0)",
            &[(&topics, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(WarehouseError::statement("read the certificates"))?;
    Ok(Standing { failed: row.get(0), oldest_uncertified_seconds: row.get(1) })
}

/// Reads the newest `most` certificates of each lane and every failed one, newest first. Of one topic if `topic` is
/// given.
pub async fn list(
    client: &Client,
    topic: Option<&str>,
    most: i64,
) -> Result<Vec<Certificate>, WarehouseError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT *, row_number() OVER (PARTITION BY topic, consumer_group ORDER BY number DESC) AS place \
         FROM certificates WHERE $1::text IS NULL OR topic = $1) c \
         WHERE place <= $2 OR state = 'failed' ORDER BY topic, consumer_group, number DESC"
    );
    select(client, SQL, &[(&topic, Type::TEXT), (&most, Type::INT8)]).await
}
