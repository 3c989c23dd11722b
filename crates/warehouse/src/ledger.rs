//! The offset ledger (`kafka_offsets`, `kafka_parked`): the positions of consumer groups. A transaction locks, reads
//! and saves them together with the rows.

use std::fmt::Display;
use std::ops::Range;

use positions::{Identity, OffsetRanges, Position};
use tokio::time::Instant;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::error::WarehouseError;
use crate::limits;

/// A partition and the group's position in it.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The group's position.
    pub position: Position,
}

/// The change that a batch makes to a partition's position.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The partition, with its position before the batch.
    pub before: LedgerEntry,
    /// The position after the batch.
    pub after: Position,
    /// The number of records stored by the batch.
    pub stored: i64,
    /// The number of holes that the batch dropped.
    pub forgotten: i64,
}

/// Begins a transaction and locks the positions of `partitions`: topic, number, and the offsets of the batch. The
/// caller passes the partitions in a fixed order, so that two batches cannot deadlock. Takes one round trip, unless
/// offsets below a watermark need the parked offsets. The server ends the transaction soon after `deadline`.
///
/// # Errors
/// [`WarehouseError::Statement`] if a lock is not available in time, which is retryable; [`WarehouseError::Schema`] if
/// a stored position cannot be read.
pub async fn begin(
    client: &Client,
    group: &str,
    partitions: &[(&str, i32, Range<i64>)],
    deadline: Instant,
) -> Result<Vec<LedgerEntry>, WarehouseError> {
    let failed = WarehouseError::statement("lock the offsets");
    let topics: Vec<&str> = partitions.iter().map(|(topic, ..)| *topic).collect();
    let numbers: Vec<i32> = partitions.iter().map(|(_, number, _)| *number).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&group, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&numbers, Type::INT4_ARRAY)];
    // Polled together, the statements are sent together.
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
            LOCK,
            &parameters,
        ),
    )
    .map_err(&failed)?;
    if rows.len() != partitions.len() {
        return Err(WarehouseError::Schema("kafka_offsets lost a row that was just inserted".into()));
    }
    let mut entries = Vec::with_capacity(rows.len());
    for (row, (topic, partition, offsets)) in rows.iter().zip(partitions) {
        let mut position = position(row)?;
        if offsets.start < position.next {
            position.parked = parked(client, group, topic, *partition, offsets).await?;
        }
        entries.push(LedgerEntry { topic: (*topic).to_owned(), partition: *partition, position });
    }
    Ok(entries)
}

/// The columns of a position, without the parked offsets.
macro_rules! position_columns {
    () => {
        "o.next_offset, o.holes::text AS holes, o.uncertain_start, o.uncertain_end, o.sample_offsets, \
         o.sample_identities, o.incarnation, o.earlier, o.recreated"
    };
}

/// Locks the positions in the order of the parameters.
const LOCK: &str = concat!(
    "SELECT ",
    position_columns!(),
    " FROM kafka_offsets o JOIN unnest($2::text[], $3::int4[]) WITH ORDINALITY AS u(topic, partition, place) \
     USING (topic, partition) WHERE o.consumer_group = $1 ORDER BY u.place FOR UPDATE OF o"
);

/// Selects the positions of all groups.
const SHOW: &str = concat!(
    "SELECT ",
    position_columns!(),
    ", o.consumer_group, o.topic, o.partition FROM kafka_offsets o \
     WHERE $1::text IS NULL OR o.topic = $1 ORDER BY o.consumer_group, o.topic, o.partition"
);

/// Reads a position from a row, without its parked offsets.
fn position(row: &Row) -> Result<Position, WarehouseError> {
    let (offsets, identities): (Vec<i64>, Vec<i64>) =
        (row.get("sample_offsets"), row.get("sample_identities"));
    let samples = offsets.into_iter().zip(identities.into_iter().map(Identity::from_stored));
    Ok(Position {
        next: row.get("next_offset"),
        holes: parse_holes(row.get("holes"))?,
        uncertain: row.get("uncertain_start")..row.get("uncertain_end"),
        parked: OffsetRanges::default(),
        samples: samples.collect(),
        incarnation: row.get("incarnation"),
        earlier: row.get("earlier"),
        recreated: row.get("recreated"),
    })
}

/// Reads the parked offsets within the batch's range.
async fn parked(
    client: &Client,
    group: &str,
    topic: &str,
    partition: i32,
    offsets: &Range<i64>,
) -> Result<OffsetRanges, WarehouseError> {
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
    Ok(rows.iter().map(|row| row.get::<_, i64>(0)).collect())
}

/// Saves the positions after a batch. Must run in the transaction of [`begin`].
///
/// It sends the statements together, in one round trip. Fails with [`WarehouseError::Statement`].
pub async fn save(client: &Client, group: &str, saved: &[Saved]) -> Result<(), WarehouseError> {
    let failed = WarehouseError::statement("save the offsets");
    let column = |value: &dyn Fn(&Saved) -> i64| saved.iter().map(value).collect::<Vec<i64>>();
    let topics: Vec<&str> = saved.iter().map(|one| one.before.topic.as_str()).collect();
    let partitions: Vec<i32> = saved.iter().map(|one| one.before.partition).collect();
    let next = column(&|one| one.after.next);
    let holes: Vec<String> = saved.iter().map(|one| write_holes(&one.after.holes)).collect();
    let (from, to) = (column(&|one| one.after.uncertain.start), column(&|one| one.after.uncertain.end));
    // Postgres' nested arrays must be rectangular, so the samples are passed as text.
    let samples = |number: &dyn Fn((i64, Identity)) -> i64| -> Vec<String> {
        saved.iter().map(|one| write_array(one.after.samples.iter().map(number))).collect()
    };
    let offsets = samples(&|(offset, _)| offset);
    let identities = samples(&|(_, identity)| identity.stored());
    let (forgotten, stored) = (column(&|one| one.forgotten), column(&|one| one.stored));
    let parked = column(&|one| one.after.parked.count() - one.before.position.parked.count());
    let recreated: Vec<Option<i64>> = saved.iter().map(|one| one.after.recreated).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 13] = [
        (&group, Type::TEXT),
        (&topics, Type::TEXT_ARRAY),
        (&partitions, Type::INT4_ARRAY),
        (&next, Type::INT8_ARRAY),
        (&holes, Type::TEXT_ARRAY),
        (&from, Type::INT8_ARRAY),
        (&to, Type::INT8_ARRAY),
        (&offsets, Type::TEXT_ARRAY),
        (&identities, Type::TEXT_ARRAY),
        (&forgotten, Type::INT8_ARRAY),
        (&stored, Type::INT8_ARRAY),
        (&parked, Type::INT8_ARRAY),
        (&recreated, Type::INT8_ARRAY),
    ];
    let newly = moved(saved, |one| one.after.parked.difference(&one.before.position.parked));
    let no_more = moved(saved, |one| one.before.position.parked.difference(&one.after.parked));
    tokio::try_join!(
        biased;
        async { client.execute_typed(SAVE, &parameters).await.map(|_| ()).map_err(&failed) },
        change_parked(client, group, &newly, INSERT_PARKED),
        change_parked(client, group, &no_more, DELETE_PARKED),
    )?;
    Ok(())
}

/// Saves positions and adds to the counters, for all partitions of a batch with one statement.
const SAVE: &str = "UPDATE kafka_offsets o SET next_offset = u.next, holes = u.holes::int8multirange, \
        uncertain_start = u.from_offset, uncertain_end = u.to_offset, sample_offsets = u.offsets::int8[], \
        sample_identities = u.identities::int8[], holes_forgotten = o.holes_forgotten + u.forgotten, \
        records_stored = o.records_stored + u.stored, records_parked = o.records_parked + u.parked, \
        recreated = u.recreated, updated_at = now() \
    FROM unnest($2::text[], $3::int4[], $4::int8[], $5::text[], $6::int8[], $7::int8[], $8::text[], $9::text[], \
        $10::int8[], $11::int8[], $12::int8[], $13::int8[]) \
        AS u(topic, partition, next, holes, from_offset, to_offset, offsets, identities, forgotten, stored, parked, \
        recreated) \
    WHERE o.consumer_group = $1 AND o.topic = u.topic AND o.partition = u.partition";

/// Adds parked offsets.
const INSERT_PARKED: &str = "INSERT INTO kafka_parked (consumer_group, topic, partition, record_offset) \
    SELECT $1, u.topic, u.partition, u.record_offset \
    FROM unnest($2::text[], $3::int4[], $4::int8[]) AS u(topic, partition, record_offset) ON CONFLICT DO NOTHING";

/// Removes offsets of records that are stored now.
const DELETE_PARKED: &str = "DELETE FROM kafka_parked p \
    USING unnest($2::text[], $3::int4[], $4::int8[]) AS u(topic, partition, record_offset) \
    WHERE p.consumer_group = $1 AND p.topic = u.topic AND p.partition = u.partition AND p.record_offset = u.record_offset";

/// Topics, partitions and offsets, each as a column of the same length.
type Offsets<'a> = (Vec<&'a str>, Vec<i32>, Vec<i64>);

/// Lists the offsets that `offsets` returns for each partition, as columns of a statement.
fn moved(saved: &[Saved], offsets: impl Fn(&Saved) -> OffsetRanges) -> Offsets<'_> {
    let mut all = Offsets::default();
    for one in saved {
        for offset in offsets(one).offsets() {
            all.0.push(&one.before.topic);
            all.1.push(one.before.partition);
            all.2.push(offset);
        }
    }
    all
}

/// Runs one of the statements above. Sends nothing if there are no offsets.
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

/// The text form of a Postgres multirange: `{[0,500),[510,520)}`.
fn write_holes(holes: &OffsetRanges) -> String {
    write_array(holes.iter().map(|hole| format!("[{},{})", hole.start, hole.end)))
}

/// The text form of a Postgres array: `{1,2}`.
fn write_array(items: impl Iterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    format!("{{{}}}", items.join(","))
}

/// Parses the text of a multirange. Fails for an unbounded range, which this code never writes.
fn parse_holes(text: &str) -> Result<OffsetRanges, WarehouseError> {
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

/// Reads the positions of all groups, or those in one topic, each with its group's name. For operators.
///
/// The positions are without their parked offsets.
pub async fn show(
    client: &Client,
    topic: Option<&str>,
) -> Result<Vec<(String, LedgerEntry)>, WarehouseError> {
    let rows = client
        .query_typed(SHOW, &[(&topic, Type::TEXT)])
        .await
        .map_err(WarehouseError::statement("read the offsets"))?;
    rows.iter()
        .map(|row| {
            let entry = LedgerEntry {
                topic: row.get("topic"),
                partition: row.get("partition"),
                position: position(row)?,
            };
            Ok((row.get("consumer_group"), entry))
        })
        .collect()
}

/// Resets a group's positions in a topic: its partitions count as never read, in the next incarnation. Returns the
/// number of positions.
pub async fn reset(client: &Client, group: &str, topic: &str) -> Result<u64, WarehouseError> {
    let failed = WarehouseError::statement("reset the offsets");
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&group, Type::TEXT), (&topic, Type::TEXT)];
    let ((), _, reset, ()) = tokio::try_join!(
        biased;
        client.batch_execute("BEGIN"),
        client
            .execute_typed("DELETE FROM kafka_parked WHERE consumer_group = $1 AND topic = $2", &parameters),
        client.execute_typed(
            "UPDATE kafka_offsets SET next_offset = DEFAULT, holes = DEFAULT, uncertain_start = DEFAULT, \
             uncertain_end = DEFAULT, sample_offsets = DEFAULT, sample_identities = DEFAULT, holes_forgotten = DEFAULT, \
             records_stored = DEFAULT, records_parked = DEFAULT, incarnation = incarnation + 1, recreated = NULL, \
             earlier = CASE WHEN next_offset > 0 THEN earlier || next_offset ELSE earlier END, updated_at = now() \
             WHERE consumer_group = $1 AND topic = $2",
            &parameters,
        ),
        client.batch_execute("COMMIT"),
    )
    .map_err(&failed)?;
    Ok(reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_survive_their_text() {
        for holes in [vec![], vec![0..1, 5..9], vec![-3..500, 600..i64::MAX]] {
            let holes = holes.into_iter().collect();
            assert_eq!(parse_holes(&write_holes(&holes)).unwrap(), holes);
        }
        assert!(parse_holes("{[0,)}").is_err());
    }
}
