//! The offset ledger: positions of consumer groups, locked, read and saved in the transaction that stores the rows.

use std::collections::BTreeSet;
use std::ops::Range;

use positions::Position;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;
use crate::limits;

/// A partition and the position to save for it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The position.
    pub position: Position,
}

/// What a batch did to a partition.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The partition, and its position before.
    pub before: Entry,
    /// Its position now.
    pub after: Position,
    /// Records newly stored.
    pub stored: i64,
    /// Holes that had to be forgotten.
    pub forgotten: i64,
}

/// Begins a transaction and locks the positions of `partitions` (topic, number and the offsets that are of interest),
/// which come in a fixed order, so that no two batches can deadlock. One round trip where nothing is old. The server ends
/// the transaction by itself soon after `deadline`.
pub async fn begin(
    client: &Client,
    group: &str,
    partitions: &[(&str, i32, Range<i64>)],
    deadline: Instant,
) -> Result<Vec<Entry>, WarehouseError> {
    let failed = WarehouseError::statement("lock the offsets");
    let topics: Vec<&str> = partitions.iter().map(|(topic, ..)| *topic).collect();
    let numbers: Vec<i32> = partitions.iter().map(|(_, number, _)| *number).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&group, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&numbers, Type::INT4_ARRAY)];
    // Polled together, the three travel together.
    let ((), _, rows) = tokio::try_join!(
        biased;
        limits::begin(client, deadline),
        client.execute_typed(
            "INSERT INTO kafka_offsets (consumer_group, topic, partition) \
             SELECT $1, topic, partition FROM unnest($2::text[], $3::int4[]) AS u(topic, partition) \
             ON CONFLICT DO NOTHING",
            &parameters,
        ),
        client.query_typed(
            "SELECT o.next_offset, o.newest_ms, o.holes::text FROM kafka_offsets o \
             JOIN unnest($2::text[], $3::int4[]) WITH ORDINALITY AS u(topic, partition, place) USING (topic, partition) \
             WHERE o.consumer_group = $1 ORDER BY u.place FOR UPDATE OF o",
            &parameters,
        ),
    )
    .map_err(&failed)?;
    if rows.len() != partitions.len() {
        return Err(WarehouseError::Schema("kafka_offsets lost a row that was just inserted".into()));
    }
    let mut entries = Vec::with_capacity(rows.len());
    for (row, (topic, partition, offsets)) in rows.iter().zip(partitions) {
        let next: i64 = row.get(0);
        let parked = if offsets.start < next {
            parked(client, group, topic, *partition, offsets).await?
        } else {
            BTreeSet::new()
        };
        let position = Position { next, newest_ms: row.get(1), holes: parse_holes(row.get(2))?, parked };
        entries.push(Entry { topic: (*topic).to_owned(), partition: *partition, position });
    }
    Ok(entries)
}

async fn parked(
    client: &Client,
    group: &str,
    topic: &str,
    partition: i32,
    offsets: &Range<i64>,
) -> Result<BTreeSet<i64>, WarehouseError> {
    let rows = client
        .query_typed(
            "SELECT record_offset FROM kafka_parked WHERE consumer_group = $1 AND topic = $2 AND partition = $3 \
             AND record_offset >= $4 AND record_offset < $5",
            &[
                (&group, Type::TEXT),
                (&topic, Type::TEXT),
                (&partition, Type::INT4),
                (&offsets.start, Type::INT8),
                (&offsets.end, Type::INT8),
            ],
        )
        .await
        .map_err(WarehouseError::statement("read the parked offsets"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Saves the positions that a batch leaves behind.
pub async fn save(client: &Client, group: &str, saved: &[Saved]) -> Result<(), WarehouseError> {
    let failed = WarehouseError::statement("save the offsets");
    let column = |value: &dyn Fn(&Saved) -> i64| saved.iter().map(value).collect::<Vec<i64>>();
    let topics: Vec<&str> = saved.iter().map(|one| one.before.topic.as_str()).collect();
    let partitions: Vec<i32> = saved.iter().map(|one| one.before.partition).collect();
    let (next, newest) = (column(&|one| one.after.next), column(&|one| one.after.newest_ms));
    let holes: Vec<String> = saved.iter().map(|one| write_holes(&one.after.holes)).collect();
    let (forgotten, stored) = (column(&|one| one.forgotten), column(&|one| one.stored));
    let parked = column(&|one| count(&one.after.parked) - count(&one.before.position.parked));
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 9] = [
        (&group, Type::TEXT),
        (&topics, Type::TEXT_ARRAY),
        (&partitions, Type::INT4_ARRAY),
        (&next, Type::INT8_ARRAY),
        (&newest, Type::INT8_ARRAY),
        (&holes, Type::TEXT_ARRAY),
        (&forgotten, Type::INT8_ARRAY),
        (&stored, Type::INT8_ARRAY),
        (&parked, Type::INT8_ARRAY),
    ];
    let newly =
        moved(saved, |one| one.after.parked.difference(&one.before.position.parked).copied().collect());
    let no_more =
        moved(saved, |one| one.before.position.parked.difference(&one.after.parked).copied().collect());
    tokio::try_join!(
        biased;
        async { client.execute_typed(SAVE, &parameters).await.map(|_| ()).map_err(&failed) },
        change_parked(client, group, &newly, INSERT_PARKED),
        change_parked(client, group, &no_more, DELETE_PARKED),
    )?;
    Ok(())
}

const SAVE: &str = "UPDATE kafka_offsets o SET next_offset = u.next, newest_ms = u.newest, \
        holes = u.holes::int8multirange, holes_forgotten = o.holes_forgotten + u.forgotten, \
        records_stored = o.records_stored + u.stored, records_parked = o.records_parked + u.parked, updated_at = now() \
    FROM unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::text[], $7::int8[], $8::int8[], $9::int8[]) \
        AS u(topic, partition, next, newest, holes, forgotten, stored, parked) \
    WHERE o.consumer_group = $1 AND o.topic = u.topic AND o.partition = u.partition";

const INSERT_PARKED: &str = "INSERT INTO kafka_parked (consumer_group, topic, partition, record_offset) \
    SELECT $1, u.topic, u.partition, u.record_offset \
    FROM unnest($2::text[], $3::int4[], $4::int8[]) AS u(topic, partition, record_offset) ON CONFLICT DO NOTHING";

const DELETE_PARKED: &str = "DELETE FROM kafka_parked p \
    USING unnest($2::text[], $3::int4[], $4::int8[]) AS u(topic, partition, record_offset) \
    WHERE p.consumer_group = $1 AND p.topic = u.topic AND p.partition = u.partition AND p.record_offset = u.record_offset";

type Offsets<'a> = (Vec<&'a str>, Vec<i32>, Vec<i64>);

fn moved(saved: &[Saved], offsets: impl Fn(&Saved) -> Vec<i64>) -> Offsets<'_> {
    let mut all = Offsets::default();
    for one in saved {
        for offset in offsets(one) {
            all.0.push(&one.before.topic);
            all.1.push(one.before.partition);
            all.2.push(offset);
        }
    }
    all
}

async fn change_parked(
    client: &Client,
    group: &str,
    (topics, partitions, offsets): &Offsets<'_>,
    sql: &str,
) -> Result<(), WarehouseError> {
    if offsets.is_empty() {
        return Ok(());
    }
    client
        .execute_typed(
            sql,
            &[
                (&group, Type::TEXT),
                (topics, Type::TEXT_ARRAY),
                (partitions, Type::INT4_ARRAY),
                (offsets, Type::INT8_ARRAY),
            ],
        )
        .await
        .map_err(WarehouseError::statement("save the parked offsets"))?;
    Ok(())
}

fn count(offsets: &BTreeSet<i64>) -> i64 {
    i64::try_from(offsets.len()).unwrap_or(i64::MAX)
}

/// `{[0,500),[510,520)}`: Postgres' canonical text of a multirange.
fn write_holes(holes: &[Range<i64>]) -> String {
    let ranges: Vec<_> = holes.iter().map(|hole| format!("[{},{})", hole.start, hole.end)).collect();
    format!("{{{}}}", ranges.join(","))
}

fn parse_holes(text: &str) -> Result<Vec<Range<i64>>, WarehouseError> {
    let bad = || {
        WarehouseError::Schema(format!(
            "kafka_offsets.holes holds {text}, which is not a list of finite ranges"
        ))
    };
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(bad)?;
    inner
        .split_inclusive(')')
        .map(|range| {
            let range = range.trim_start_matches(',').strip_prefix('[')?.strip_suffix(')')?;
            let (start, end) = range.split_once(',')?;
            Some(start.parse().ok()?..end.parse().ok()?)
        })
        .collect::<Option<_>>()
        .ok_or_else(bad)
}

/// The positions of all groups, or of one topic's, for an operator.
pub async fn show(client: &Client, topic: Option<&str>) -> Result<Vec<(String, Entry)>, WarehouseError> {
    let rows = client
        .query_typed(
            "SELECT consumer_group, topic, partition, next_offset, newest_ms, holes::text FROM kafka_offsets \
             WHERE $1::text IS NULL OR topic = $1 ORDER BY consumer_group, topic, partition",
            &[(&topic, Type::TEXT)],
        )
        .await
        .map_err(WarehouseError::statement("read the offsets"))?;
    rows.iter()
        .map(|row| {
            let holes = parse_holes(row.get(5))?;
            let position =
                Position { next: row.get(3), newest_ms: row.get(4), holes, parked: BTreeSet::new() };
            Ok((row.get(0), Entry { topic: row.get(1), partition: row.get(2), position }))
        })
        .collect()
}

/// Forgets a group's positions in a topic, so that its partitions are read as never before. Returns how many.
pub async fn reset(client: &Client, group: &str, topic: &str) -> Result<u64, WarehouseError> {
    let failed = WarehouseError::statement("reset the offsets");
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&group, Type::TEXT), (&topic, Type::TEXT)];
    let ((), _, deleted, ()) = tokio::try_join!(
        biased;
        client.batch_execute("BEGIN"),
        client
            .execute_typed("DELETE FROM kafka_parked WHERE consumer_group = $1 AND topic = $2", &parameters),
        client
            .execute_typed("DELETE FROM kafka_offsets WHERE consumer_group = $1 AND topic = $2", &parameters),
        client.batch_execute("COMMIT"),
    )
    .map_err(&failed)?;
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_survive_their_text() {
        for holes in [vec![], vec![0..1, 5..9], vec![-3..500, 600..i64::MAX]] {
            assert_eq!(parse_holes(&write_holes(&holes)).unwrap(), holes);
        }
        assert!(parse_holes("{[0,)}").is_err());
    }
}
