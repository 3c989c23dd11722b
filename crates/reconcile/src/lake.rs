//! Compares the rows of a Delta table with the offsets in Kafka. Every row holds the partition and offset of its
//! record.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

use arrow_array::array::PrimitiveArray;
use arrow_array::{
    Array, ArrayRef, RecordBatch, StructArray,
    cast::AsArray as _,
    types::{Decimal128Type, Int32Type, Int64Type},
};
use futures::StreamExt as _;
use kafka::Ends;
use lake::{ActiveFile, AppVersions, LakeError, Snapshot};
use lake::{app_id, position_from_app_versions};
use positions::{OffsetRanges, Position};
use tokio::time::Instant;

use crate::{
    ReconcileError, Sources, Verdict,
    earlier::of_current_topic,
    lost::Reach,
    offsets::{Offsets, intersection, within},
    topic::Found,
};

/// The time limit for reading a whole table.
const PATIENCE: Duration = Duration::from_mins(10);

/// The rows and positions of a Delta table, from one table version.
#[derive(Debug, Default)]
pub struct Stored {
    /// The offsets of all rows, by partition. Sorted; an offset appears once per row.
    pub offsets: BTreeMap<i32, Vec<i64>>,
    /// The app transactions of the table, which hold the positions.
    pub apps: AppVersions,
    /// The sum of a field over the rows that the totals lane counts too. `None` if no field was requested or the sum is
    /// not exact.
    pub sum: Option<i128>,
}

/// Reads the newest version of the table at `path`, relative to the lake's root. Returns `None` if there is
/// no table.
///
/// # Errors
/// [`LakeError`] if the log cannot be read before `deadline`, or if the table has an unsupported feature.
pub async fn snapshot(
    sources: &Sources,
    path: &str,
    deadline: Instant,
) -> Result<Option<Snapshot>, LakeError> {
    Snapshot::read(sources.objects.clone(), sources.lake_root.join(path), deadline).await
}

/// Reads all rows of a table. Sums the field at the dotted path `field` over the rows for which `counted(partition,
/// offset)` is true.
///
/// # Errors
/// [`ReconcileError::Column`] if a column is missing or has another type; [`ReconcileError::Lake`] if the table cannot
/// be read.
pub async fn read(
    sources: &Sources,
    path: &str,
    field: Option<&str>,
    counted: impl Fn(i32, i64) -> bool,
) -> Result<Stored, ReconcileError> {
    let deadline = Instant::now() + PATIENCE;
    let Some(snapshot) = snapshot(sources, path, deadline).await? else {
        return Ok(Stored { sum: field.map(|_| 0), ..Stored::default() });
    };
    let mut stored =
        Stored { apps: snapshot.app_versions().clone(), sum: field.map(|_| 0), ..Stored::default() };
    let mut columns = vec!["_partition", "_offset"];
    let path: Vec<&str> = field.map(|field| field.split('.').collect()).unwrap_or_default();
    columns.extend(path.first());
    let mut files = pin!(snapshot.scan(&columns, deadline));
    while let Some(file) = files.next().await {
        for batch in file?.1 {
            take(&mut stored, &batch, &path, &|_, _| true, &counted)?;
        }
    }
    for offsets in stored.offsets.values_mut() {
        offsets.sort_unstable();
    }
    Ok(stored)
}

/// The total size in bytes of the files that are read at the same time. Each one is held in memory as a whole. A larger
/// file is read alone.
const AHEAD: u64 = 64 << 20;
/// The maximum number of files that are read at the same time.
const FILES_AHEAD: u64 = 8;

/// Reads the rows with offsets in `window`. Skips the files whose statistics show that they have no such row.
///
/// # Errors
/// The same as for [`read`].
pub async fn read_within(
    snapshot: &Snapshot,
    window: &Offsets,
    field: Option<&str>,
    deadline: Instant,
) -> Result<Stored, ReconcileError> {
    let mut stored =
        Stored { apps: snapshot.app_versions().clone(), sum: field.map(|_| 0), ..Stored::default() };
    let mut columns = vec!["_partition", "_offset"];
    let path: Vec<&str> = field.map(|field| field.split('.').collect()).unwrap_or_default();
    columns.extend(path.first());
    let chosen: Vec<_> = snapshot.files().iter().filter(|file| may_hold(file, window)).collect();
    let largest = chosen.iter().map(|file| file.size).max().unwrap_or(0).max(1);
    let ahead = usize::try_from((AHEAD / largest).clamp(1, FILES_AHEAD)).unwrap_or(1);
    let mut files = pin!(snapshot.scan_files(chosen.into_iter(), &columns, ahead, deadline));
    let wanted =
        |partition: i32, offset: i64| window.get(&partition).is_some_and(|offsets| offsets.contains(offset));
    while let Some(file) = files.next().await {
        for batch in file?.1 {
            take(&mut stored, &batch, &path, &wanted, &wanted)?;
        }
    }
    for offsets in stored.offsets.values_mut() {
        offsets.sort_unstable();
    }
    Ok(stored)
}

/// Whether a file can contain one of these offsets, by its statistics. A file without statistics can.
fn may_hold(file: &ActiveFile, window: &Offsets) -> bool {
    let Some(offsets) = file.whole_numbers("_offset") else { return true };
    let partitions = file.whole_numbers("_partition");
    let of_file = |partition: i32| {
        partitions.as_ref().is_none_or(|partitions| partitions.contains(&i64::from(partition)))
    };
    let overlaps = |ranges: &OffsetRanges| {
        ranges.iter().any(|range| range.start <= *offsets.end() && range.end > *offsets.start())
    };
    window.iter().any(|(partition, ranges)| of_file(*partition) && overlaps(ranges))
}

impl Stored {
    /// Removes the rows that belong to an earlier topic of this name.
    #[must_use]
    pub fn of_current_topic(mut self, group: &str, topic: &str) -> Self {
        for (partition, rows) in &mut self.offsets {
            let position = position(&self.apps, group, topic, *partition);
            *rows = of_current_topic(rows, &position);
        }
        self
    }

    /// Whether the position of a partition was reset, so that rows of an earlier topic can be in the table.
    #[must_use]
    pub fn was_reset(&self, group: &str, topic: &str) -> bool {
        self.offsets
            .keys()
            .any(|&partition| !position(&self.apps, group, topic, partition).earlier.is_empty())
    }
}

/// Adds the rows of one batch: the `wanted` ones to the offsets, and the `counted` ones of those to the sum.
fn take(
    stored: &mut Stored,
    batch: &RecordBatch,
    path: &[&str],
    wanted: &impl Fn(i32, i64) -> bool,
    counted: &impl Fn(i32, i64) -> bool,
) -> Result<(), ReconcileError> {
    let partitions = column::<Int32Type>(batch, "_partition")?;
    let offsets = column::<Int64Type>(batch, "_offset")?;
    let values = path.split_first().map(|(root, rest)| summed(batch, root, rest)).transpose()?;
    for (row, (partition, offset)) in partitions.values().iter().zip(offsets.values()).enumerate() {
        if !wanted(*partition, *offset) {
            continue;
        }
        stored.offsets.entry(*partition).or_default().push(*offset);
        if let (Some(Some(values)), Some(sum)) = (&values, stored.sum)
            && counted(*partition, *offset)
        {
            stored.sum = sum.checked_add(values[row]);
        }
    }
    if matches!(values, Some(None)) {
        stored.sum = None;
    }
    Ok(())
}

/// A column of a batch with the expected type.
fn column<'a, T: arrow_array::ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, ReconcileError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| ReconcileError::Column { name: name.to_owned() })
}

/// The values of the column as integers (decimals unscaled), nulls as 0. `None` for types without an exact sum.
fn summed(batch: &RecordBatch, root: &str, rest: &[&str]) -> Result<Option<Vec<i128>>, ReconcileError> {
    let missing = || ReconcileError::Column { name: root.to_owned() };
    let mut array: ArrayRef = batch.column_by_name(root).ok_or_else(missing)?.clone();
    for name in rest {
        let inner =
            array.as_any().downcast_ref::<StructArray>().and_then(|parent| parent.column_by_name(name));
        array = inner.ok_or_else(missing)?.clone();
    }
    Ok(if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        Some(values.iter().map(|value| value.map_or(0, i128::from)).collect())
    } else if let Some(values) = array.as_primitive_opt::<Int32Type>() {
        Some(values.iter().map(|value| value.map_or(0, i128::from)).collect())
    } else {
        array
            .as_primitive_opt::<Decimal128Type>()
            .map(|values| values.iter().map(Option::unwrap_or_default).collect())
    })
}

/// Returns the offsets that are stored or parked.
#[must_use]
pub fn held(stored: &Stored, group: &str, topic: &str, ends: &Ends) -> Offsets {
    let of = |&partition: &i32| {
        let mut held: OffsetRanges = stored.offsets.get(&partition).into_iter().flatten().copied().collect();
        let parked = position(&stored.apps, group, topic, partition).parked;
        parked.iter().for_each(|range| held.insert(range.clone()));
        (partition, held)
    };
    ends.keys().map(of).collect()
}

/// Returns the offsets in Kafka that are not in `held`.
#[must_use]
pub fn open(held: &Offsets, ends: &Ends) -> Offsets {
    let none = OffsetRanges::default();
    let of = |(partition, &ends): (&i32, &(i64, i64))| {
        (*partition, within(ends).difference(held.get(partition).unwrap_or(&none)))
    };
    ends.iter().map(of).collect()
}

/// Returns how far the lane has read in each partition.
#[must_use]
pub fn reaches(stored: &Stored, group: &str, topic: &str, ends: &Ends) -> BTreeMap<i32, Reach> {
    let of = |&partition: &i32| (partition, Reach::of(&position(&stored.apps, group, topic, partition)));
    ends.keys().map(of).collect()
}

/// Compares table rows and parked offsets with the offsets in Kafka, and adds the differences to the verdict. `found`
/// says which of the [`open`] offsets hold a record.
pub fn judge(
    verdict: &mut Verdict,
    stored: &Stored,
    ends: &Ends,
    found: &BTreeMap<i32, Found>,
    letters: &dyn Fn(i32, i64) -> BTreeSet<i64>,
) {
    let (no_rows, nothing) = (Vec::new(), Found::default());
    for (&partition, &ends) in ends {
        let rows = stored.offsets.get(&partition).unwrap_or(&no_rows);
        let Position { parked, incarnation, recreated, .. } =
            position(&stored.apps, &verdict.group, &verdict.topic, partition);
        verdict.recreated(partition, recreated);
        let Found { records: missing, gone } = found.get(&partition).unwrap_or(&nothing);
        let expected = within(ends);
        let stored: OffsetRanges = rows.iter().copied().collect();
        let doubled: OffsetRanges =
            rows.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        let repeated = rows.len() - usize::try_from(stored.count()).unwrap_or(0);
        let both = intersection(&stored, &parked);
        let letters: OffsetRanges = letters(partition, incarnation).into_iter().collect();
        let (stored, kept) = (intersection(&stored, &expected), intersection(&parked, &expected));
        verdict.produced += stored.count() + kept.difference(&stored).count() + missing.count();
        verdict.stored += stored.count();
        verdict.parked += kept.count();
        verdict.missing += missing.count();
        verdict.doubled += i64::try_from(repeated).unwrap_or(i64::MAX) + both.count();
        verdict.lose(partition, gone);
        verdict.problem("neither stored nor parked", partition, missing);
        verdict.problem("stored twice", partition, &doubled);
        verdict.problem("stored and parked", partition, &both);
        verdict.problem("parked, but not among the parked records", partition, &parked.difference(&letters));
    }
}

/// Returns the position of a group in a partition.
#[must_use]
pub fn position(apps: &AppVersions, group: &str, topic: &str, partition: i32) -> Position {
    position_from_app_versions(&app_id(group, topic, partition), apps.as_map())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict for rows of partition 0, if each offset below `end` has a record.
    fn verdict(rows: &[i64], next: i64, end: i64) -> Verdict {
        verdict_with_gaps(rows, next, end, &[])
    }

    /// The same, if Kafka has no record at the offsets in `empty`. `next` is the lane's watermark.
    fn verdict_with_gaps(rows: &[i64], next: i64, end: i64, empty: &[i64]) -> Verdict {
        let apps = [(app_id("g", "t", 0), next)].into_iter().collect();
        let stored = Stored { offsets: [(0, rows.to_vec())].into(), apps, sum: None };
        let mut verdict = Verdict { group: "g".into(), topic: "t".into(), ..Verdict::default() };
        let ends = [(0, (0, end))].into();
        let open = open(&held(&stored, "g", "t", &ends), &ends);
        let found = open.into_iter().map(|(partition, open)| {
            let records = open.difference(&empty.iter().copied().collect());
            (partition, Found { records, ..Found::default() })
        });
        judge(&mut verdict, &stored, &ends, &found.collect(), &|_, _| BTreeSet::new());
        verdict
    }

    #[test]
    fn offsets_without_a_record_are_neither_missing_nor_produced() {
        let verdict = verdict_with_gaps(&[0, 1, 4], 5, 6, &[2, 3, 5]);
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!((verdict.produced, verdict.stored), (3, 3));
    }

    #[test]
    fn rows_of_an_earlier_topic_are_left_out_and_do_not_count_as_doubled() {
        let id = app_id("g", "t", 0);
        let apps = [(id.clone(), 2), (format!("{id}/earlier/0"), 4)];
        // Offset 2 of the current topic is not stored yet.
        let stored = |rows: &[i64]| {
            let apps = apps.iter().cloned().collect();
            let stored = Stored { offsets: [(0, rows.to_vec())].into(), apps, sum: None };
            stored.of_current_topic("g", "t").offsets.remove(&0).unwrap()
        };
        assert_eq!(stored(&[0, 0, 1, 1, 2, 3]), [0, 1]);
        assert_eq!(stored(&[0, 0, 1, 1, 1, 2, 3]), [0, 1, 1], "a duplicate row of the current topic is kept");
    }

    #[test]
    fn a_topic_that_was_created_again_does_not_hold() {
        let id = app_id("g", "t", 0);
        let apps = [(id.clone(), 2), (format!("{id}/recreated"), 1)].into_iter().collect();
        let stored = Stored { offsets: [(0, vec![0, 1])].into(), apps, sum: None };
        let mut verdict = Verdict { group: "g".into(), topic: "t".into(), ..Verdict::default() };
        judge(&mut verdict, &stored, &[(0, (0, 2))].into(), &BTreeMap::new(), &|_, _| BTreeSet::new());
        assert!(verdict.problems[0].contains("created again"), "{verdict:?}");
    }

    #[test]
    fn a_table_with_each_record_once_holds() {
        assert!(verdict(&[0, 1, 2], 3, 3).holds());
    }

    #[test]
    fn missing_and_doubled_records_are_both_reported() {
        let verdict = verdict(&[0, 2, 2], 3, 3);
        assert!(!verdict.holds());
        assert_eq!((verdict.produced, verdict.stored, verdict.missing, verdict.doubled), (3, 2, 1, 1));
        assert_eq!(verdict.problems, ["neither stored nor parked: 0:1", "stored twice: 0:2"]);
    }

    #[test]
    fn records_that_arrive_during_the_check_are_ignored() {
        assert!(verdict(&[0, 1, 2, 3], 4, 3).holds());
    }
}
