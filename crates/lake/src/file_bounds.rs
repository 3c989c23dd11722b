//! The minimum and maximum values of a data file, by its statistics. Readers use them to skip files.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::ActiveFile;

impl ActiveFile {
    /// The minimum and maximum of a top-level integer column. `None` if the statistics do not contain them; the file
    /// can then contain any value.
    #[must_use]
    pub fn whole_numbers(&self, column: &str) -> Option<RangeInclusive<i64>> {
        let stats: Value = serde_json::from_str(self.stats.as_deref()?).ok()?;
        let bound = |which: &str| stats.get(which)?.get(column)?.as_i64();
        Some(bound("minValues")?..=bound("maxValues")?)
    }

    /// An upper bound for the timestamps in a top-level column. `None` if the statistics do not contain one; the file
    /// can then contain any value. Writers can leave out the statistics of a column or a file. Checkpoints can hold
    /// them as structs, which this crate does not read.
    #[must_use]
    pub fn latest(&self, column: &str) -> Option<DateTime<Utc>> {
        let stats: Value = serde_json::from_str(self.stats.as_deref()?).ok()?;
        let most = moment(stats.get("maxValues")?.get(column)?.as_str()?)?;
        // Statistics are truncated to milliseconds, so the value itself can be up to 999 µs later.
        most.checked_add_signed(TimeDelta::milliseconds(1))
    }
}

/// Parses a timestamp in statistics. Spark writes it with the offset of the session's time zone; a `timestamp_ntz` has
/// no offset.
///
/// Delta protocol, "Per-file Statistics".
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    with_offset.or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(stats: Option<&str>) -> Option<String> {
        let file = ActiveFile {
            key: "a.parquet".to_owned(),
            partition: std::collections::BTreeMap::new(),
            size: 1,
            stats: stats.map(ToOwned::to_owned),
            rows: None,
            has_deletions: false,
            path: "a.parquet".to_owned(),
            modified: 0,
        };
        file.latest("at").map(|at| at.to_rfc3339())
    }

    fn latest_of(most: &str) -> Option<String> {
        latest(Some(&format!(r#"{{"numRecords":1,"maxValues":{{"at":{most}}}}}"#)))
    }

    #[test]
    fn a_bound_in_any_time_zone_is_the_end_of_its_millisecond() {
        let expected = Some("2026-11-25T23:00:05.124+00:00".to_owned());
        for written in [
            r#""2026-11-25T23:00:05.123Z""#,
            r#""2026-11-25T20:00:05.123-03:00""#,
            r#""2026-11-26T04:45:05.123+05:45""#,
            r#""2026-11-25T23:00:05.123""#,
            r#""2026-11-25 23:00:05.123Z""#,
        ] {
            assert_eq!(latest_of(written), expected, "{written}");
        }
    }

    #[test]
    fn statistics_that_do_not_tell_are_no_bound() {
        for written in [
            "null",
            "7",
            r#""""#,
            r#""soon""#,
            r#""2026-13-25T23:00:05Z""#,
            r#""1850-01-01T01:01:01.000-03:06:28""#,
        ] {
            assert_eq!(latest_of(written), None, "{written}");
        }
        for stats in [
            None,
            Some(""),
            Some("{"),
            Some("[]"),
            Some("{}"),
            Some(r#"{"maxValues":null}"#),
            Some(r#"{"maxValues":{}}"#),
        ] {
            assert_eq!(latest(stats), None, "{stats:?}");
        }
    }
}
