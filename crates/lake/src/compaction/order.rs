//! Orders the rows of many batches by one column, as coarsely as readers need.
//!
//! Readers skip row groups by their range of event times. A finer order would not help them, and it would cost space:
//! in rows of several Kafka partitions the offsets would no longer be consecutive, and files of room counts would be
//! 1.4 times as large (docs/benchmarks.md).
//!
//! So rows are ordered in stretches. Each row of a stretch is at or before all rows of the next one. Within a stretch,
//! rows keep the order of their files.

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Date32Type, Int64Type, TimestampMicrosecondType},
};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::interleave::interleave_record_batch;

/// The number of rows in a stretch. Each stretch becomes one batch.
pub(super) const STRETCH: usize = 65_536;

/// Whether [`sorted`] can order by a column of this type.
pub(super) fn can_order(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Int64 | DataType::Date32)
}

/// The position of a row in the batches, and the value by which it is ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KeyedRow {
    /// The value by which rows are ordered. The derived order compares it first.
    key: i64,
    /// The index of the batch.
    batch: u32,
    /// The index of the row in the batch.
    row: u32,
}

/// Returns the same rows, ordered by a column in stretches of `stretch` rows. Nulls come first.
///
/// Batches that are ordered already are returned as they are. An item is an error if Arrow cannot combine the rows.
pub(super) fn sorted(
    batches: Vec<RecordBatch>,
    column: &str,
    stretch: usize,
) -> Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send> {
    let mut keyed_rows = keyed_rows(&batches, column);
    if keyed_rows.is_sorted() {
        return Box::new(batches.into_iter().map(Ok));
    }
    keyed_rows.sort_unstable();
    let starts = (0..keyed_rows.len()).step_by(stretch);
    Box::new(starts.map(move |from| {
        let rows = keyed_rows.iter().skip(from).take(stretch);
        let mut rows: Vec<_> = rows.map(|place| (place.batch as usize, place.row as usize)).collect();
        rows.sort_unstable();
        let sources: Vec<&RecordBatch> = batches.iter().collect();
        interleave_record_batch(&sources, &rows).map_err(|e| e.to_string())
    }))
}

/// The positions of all rows, in the order of the batches.
fn keyed_rows(batches: &[RecordBatch], column: &str) -> Vec<KeyedRow> {
    let mut keyed_rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (batch, rows) in (0..).zip(batches) {
        let keys = keys(rows, column);
        keyed_rows.extend((0..).zip(keys).map(|(row, key)| KeyedRow { key, batch, row }));
    }
    keyed_rows
}

/// The values by which the rows are ordered. Null, or a missing column, is the smallest value.
fn keys(batch: &RecordBatch, column: &str) -> Vec<i64> {
    let rows = batch.num_rows();
    let Some(array) = batch.column_by_name(column) else { return vec![i64::MIN; rows] };
    let mut keys: Vec<i64> = if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        times.values().to_vec()
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        numbers.values().to_vec()
    } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        days.values().iter().map(|day| i64::from(*day)).collect()
    } else {
        vec![i64::MIN; rows]
    };
    if array.null_count() > 0 {
        for (row, key) in keys.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)) {
            let _ = row;
            *key = i64::MIN;
        }
    }
    keys
}
