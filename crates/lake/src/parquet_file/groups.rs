//! Combines the statistics of a file's row groups into one bound per column.

use std::cmp::Ordering;

use parquet::file::{metadata::RowGroupMetaData, statistics::Statistics};

/// A statistic of a column in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// The smallest value, without nulls and NaN.
    Min,
    /// The largest value, without nulls and NaN.
    Max,
    /// The number of nulls.
    Nulls,
}

/// The number of nulls of a column in all groups. `None` if a group does not contain it.
pub(super) fn nulls(groups: &[RowGroupMetaData], leaf: usize) -> Option<u64> {
    groups.iter().map(|group| group.column(leaf).statistics()?.null_count_opt()).sum()
}

/// Returns the statistics with the smallest minimum, or the largest maximum. Returns `None` if a group has values but
/// no bound.
pub(super) fn outermost(groups: &[RowGroupMetaData], leaf: usize, bound: Bound) -> Option<&Statistics> {
    let mut found: Option<&Statistics> = None;
    for group in groups {
        let column = group.column(leaf);
        let stats = column.statistics()?;
        let only_nulls = stats.null_count_opt() == u64::try_from(column.num_values()).ok();
        if only_nulls {
            continue;
        }
        found = match found {
            None => Some(stats),
            Some(other) if beyond(stats, other, bound)? => Some(stats),
            Some(other) => Some(other),
        };
    }
    found
}

/// Whether the bound of `one` is further out than that of `other`. `None` if they cannot be compared.
fn beyond(one: &Statistics, other: &Statistics, bound: Bound) -> Option<bool> {
    let order = if bound == Bound::Min {
        match (one, other) {
            (Statistics::Boolean(a), Statistics::Boolean(b)) => a.min_opt()?.cmp(b.min_opt()?),
            (Statistics::Int32(a), Statistics::Int32(b)) => a.min_opt()?.cmp(b.min_opt()?),
            (Statistics::Int64(a), Statistics::Int64(b)) => a.min_opt()?.cmp(b.min_opt()?),
            (Statistics::Float(a), Statistics::Float(b)) => a.min_opt()?.total_cmp(b.min_opt()?),
            (Statistics::Double(a), Statistics::Double(b)) => a.min_opt()?.total_cmp(b.min_opt()?),
            (Statistics::ByteArray(a), Statistics::ByteArray(b)) => {
                a.min_opt()?.data().cmp(b.min_opt()?.data())
            }
            _ => big_endian(one.min_bytes_opt()?)?.cmp(&big_endian(other.min_bytes_opt()?)?),
        }
    } else {
        match (one, other) {
            (Statistics::Boolean(a), Statistics::Boolean(b)) => b.max_opt()?.cmp(a.max_opt()?),
            (Statistics::Int32(a), Statistics::Int32(b)) => b.max_opt()?.cmp(a.max_opt()?),
            (Statistics::Int64(a), Statistics::Int64(b)) => b.max_opt()?.cmp(a.max_opt()?),
            (Statistics::Float(a), Statistics::Float(b)) => b.max_opt()?.total_cmp(a.max_opt()?),
            (Statistics::Double(a), Statistics::Double(b)) => b.max_opt()?.total_cmp(a.max_opt()?),
            (Statistics::ByteArray(a), Statistics::ByteArray(b)) => {
                b.max_opt()?.data().cmp(a.max_opt()?.data())
            }
            _ => big_endian(other.max_bytes_opt()?)?.cmp(&big_endian(one.max_bytes_opt()?)?),
        }
    };
    Some(order == Ordering::Less)
}

/// Whether a column has a NaN in one of the groups.
pub(super) fn any_nan(groups: &[RowGroupMetaData], leaf: usize) -> bool {
    let stats = groups.iter().filter_map(|group| group.column(leaf).statistics());
    stats.filter_map(Statistics::nan_count_opt).any(|count| count > 0)
}

/// Reads a signed big-endian integer of up to 16 bytes.
///
/// Parquet stores decimals in this form.
pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
    let mut wide = [if bytes.first()? & 0x80 == 0 { 0 } else { 0xff }; 16];
    wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}
