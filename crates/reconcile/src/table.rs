//! Compares the rows of a Postgres table with the offsets in Kafka. Every row holds the partition and offset of its
//! record. If a record has no row, another record with the same key must have one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kafka::Ends;
use pipeline::{Pipeline, RecordDecoder, TableSection, Value};
use positions::OffsetRanges;
use warehouse::{Client, NewRow, RowsTable, WarehouseError, quoted};

use crate::{
    Cluster, ReconcileError, Verdict,
    books::{self, Books, Seen},
    earlier::of_current_topic,
    in_snapshot,
    offsets::Offsets,
    records,
};

/// The rows of a table and the ledger entries of its group, read in one snapshot.
#[derive(Debug)]
pub struct Stored {
    /// The group's ledger entries, by partition.
    pub books: BTreeMap<i32, Books>,
    /// The offsets of all rows, by partition. Sorted; an offset appears once per row.
    pub offsets: BTreeMap<i32, Vec<i64>>,
}

/// Reads all rows and the ledger entries in one snapshot.
///
/// # Errors
/// [`ReconcileError::Warehouse`] if a query fails.
pub async fn read(client: &Client, topic: &str, spec: &TableSection) -> Result<Stored, ReconcileError> {
    in_snapshot(client, async || read_within(client, topic, spec).await).await
}

/// Reads both, in the snapshot of the caller.
async fn read_within(client: &Client, topic: &str, spec: &TableSection) -> Result<Stored, ReconcileError> {
    let books = books::read(client, &spec.consumer_group, topic).await?;
    let sql = format!(
        "SELECT _partition, array_agg(_offset ORDER BY _offset) FROM {} GROUP BY _partition",
        quoted(&spec.name)
    );
    let rows = client.query(&sql, &[]).await.map_err(WarehouseError::statement("read a table"))?;
    Ok(Stored { books, offsets: rows.iter().map(|row| (row.get(0), row.get(1))).collect() })
}

/// Reads the rows with offsets in `window` and the ledger entries in one snapshot. The query scans the whole
/// table.
///
/// # Errors
/// [`ReconcileError::Warehouse`] if a query fails.
pub async fn read_window(
    client: &Client,
    topic: &str,
    spec: &TableSection,
    window: &Ends,
) -> Result<Stored, ReconcileError> {
    let partitions: Vec<i32> = window.keys().copied().collect();
    let starts: Vec<i64> = window.values().map(|(start, _)| *start).collect();
    let ends: Vec<i64> = window.values().map(|(_, end)| *end).collect();
    in_snapshot(client, async || {
        let books = books::read(client, &spec.consumer_group, topic).await?;
        // There is no index on the offset, because every insert would have to maintain it. So this scans the whole
        // table.
        let sql = format!(
            "SELECT t._partition, array_agg(t._offset ORDER BY t._offset) FROM {} t \
             JOIN unnest($1::int4[], $2::int8[], $3::int8[]) AS w(partition, first, after) \
             ON t._partition = w.partition AND t._offset >= w.first AND t._offset < w.after GROUP BY t._partition",
            quoted(&spec.name)
        );
        let rows = client.query(&sql, &[&partitions, &starts, &ends]).await;
        let rows = rows.map_err(WarehouseError::statement("read a table"))?;
        Ok(Stored { books, offsets: rows.iter().map(|row| (row.get(0), row.get(1))).collect() })
    })
    .await
}

/// Compares table rows and stored offsets with the offsets in Kafka, and adds the differences to the verdict. Returns
/// the offsets that the position says are stored but that have no row; pass them to [`account_for`].
pub fn judge(
    verdict: &mut Verdict,
    stored: &Stored,
    ends: &Ends,
    seen: &Seen,
    letters: &dyn Fn(i32, i64) -> BTreeSet<i64>,
) -> Offsets {
    books::judge(verdict, &stored.books, ends, seen, letters);
    let mut without_row = Offsets::new();
    for (&partition, &(beginning, _)) in ends {
        let books = stored.books.get(&partition).cloned().unwrap_or_default();
        let rows = stored.offsets.get(&partition).map(Vec::as_slice).unwrap_or_default();
        let rows = of_current_topic(rows, &books.position);
        let doubled: OffsetRanges =
            rows.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        verdict.doubled += doubled.count();
        verdict.problem("stored more than once", partition, &doubled);
        let strangers: OffsetRanges =
            rows.iter().copied().filter(|offset| !books.position.is_stored(*offset)).collect();
        verdict.problem("stored, but not by the ledger", partition, &strangers);
        let with_row: OffsetRanges = rows.into_iter().collect();
        // Kafka cannot be asked about records that it has deleted.
        let stored = books.handled(beginning).difference(&books.position.parked);
        let missing = stored.difference(&with_row);
        if !missing.is_empty() {
            without_row.insert(partition, missing);
        }
    }
    without_row
}

/// Reads the records without a row from Kafka again. For each one, a row with its key must exist, unless the retention
/// of that row is over. All others are added to the verdict as missing.
///
/// # Errors
/// [`ReconcileError::Fields`] if the fields of the pipeline file do not match the `table` section; otherwise the errors
/// of Kafka and Postgres. The verdict is then incomplete.
pub async fn account_for(
    verdict: &mut Verdict,
    (cluster, client): (&Cluster, &Client),
    pipeline: &Pipeline,
    spec: &TableSection,
    without_row: &Offsets,
) -> Result<(), ReconcileError> {
    let table = RowsTable::of_pipeline(pipeline, spec)
        .ok_or_else(|| ReconcileError::Fields { table: spec.name.clone() })?;
    let decoder = RecordDecoder::new(&pipeline.fields);
    let event_time = pipeline.event_time.as_ref().and_then(|path| decoder.layout().column_index(path));
    let now = Utc::now();
    let mut reader = records::Reader::open(cluster, &pipeline.topic.name, without_row).await?;
    let mut lost = Offsets::new();
    while let Some(records) = reader.next().await? {
        let mut good: Vec<(i32, i64, i64, Vec<Value<'_>>)> = Vec::new();
        for record in &records {
            lost.entry(record.partition).or_default().insert_one(record.offset);
            let mut row = Vec::new();
            let value = record.value.as_deref().unwrap_or_default();
            if decoder.decode(value, &mut row).is_ok() {
                good.push((record.partition, record.offset, record.timestamp, row));
            }
        }
        let rows: Vec<NewRow<'_, '_>> = good
            .iter()
            .map(|(partition, offset, timestamp, values)| NewRow {
                values,
                received_at: DateTime::from_timestamp_millis(*timestamp).unwrap_or_default(),
                partition: *partition,
                offset: *offset,
            })
            .collect();
        let there = table.has_keys(client, &rows).await?;
        for (row, there) in rows.iter().zip(there) {
            let time = event_time.and_then(|place| warehouse::values::time(&row.values[place]));
            let is_over = time.is_some_and(|time| table.is_over(time, row.received_at, now));
            if there || is_over {
                verdict.repeated += 1;
                lost.entry(row.partition).or_default().remove_one(row.offset);
            }
        }
    }
    // An offset without a record needs no row. An offset that could not be read counts as missing, because nothing is
    // known about it.
    for (partition, unread) in reader.unread() {
        let lost = lost.entry(*partition).or_default();
        unread.iter().for_each(|range| lost.insert(range.clone()));
    }
    reader.close().await;
    for (partition, offsets) in lost {
        verdict.missing += offsets.count();
        verdict.problem("handled, but neither the record nor its key has a row", partition, &offsets);
    }
    Ok(())
}
