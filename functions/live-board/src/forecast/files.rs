//! Selects the files that can contain a city's newest extract, so that the board reads a limited amount, although the
//! table grows for years.

use std::cmp::Reverse;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use lake::ActiveFile;

/// The largest number of files that are read.
pub(crate) const FILES: usize = 200;

/// The largest total size of the files that are read, in bytes.
pub(crate) const BYTES: u64 = 32 << 20;

/// A city is not shown if its last extract is older than the newest extract of all cities by this time. By
/// default, the Spark job considers raw objects of the same time (`lookback_days`).
pub(super) const LOOK_BACK: TimeDelta = TimeDelta::days(7);

/// If a file has no statistics, its extracts are assumed to end this many days after the day of its hours begins.
/// One day is the day itself; the other allows for time zones.
const DAYS_AFTER: Days = Days::new(2);

/// A file, with the facts that are known without reading it.
pub(crate) struct Candidate<F> {
    pub(crate) file: F,
    /// No extract in the file is later than this.
    pub(crate) latest: DateTime<Utc>,
    /// The file's size in bytes.
    pub(crate) size: u64,
}

impl<'a> Candidate<&'a ActiveFile> {
    /// Takes the latest extract from the file's statistics, or else from its partition `dt` (the day of its
    /// hours). If both are missing, the file may contain any extract.
    pub(crate) fn of(file: &'a ActiveFile) -> Self {
        let day = file.partition.get("dt").and_then(Option::as_deref);
        let latest = file.latest("dt_extract").or_else(|| end_of(day?));
        Self { file, latest: latest.unwrap_or(DateTime::<Utc>::MAX_UTC), size: file.size }
    }
}

/// The latest possible time of an extract with hours of this day (`YYYY-MM-DD`), because a forecast is made before
/// its hours. `None` if the text is not a day.
fn end_of(day: &str) -> Option<DateTime<Utc>> {
    Some(day.parse::<NaiveDate>().ok()?.checked_add_days(DAYS_AFTER)?.and_time(NaiveTime::MIN).and_utc())
}

/// The files to read.
pub(crate) struct Choice<F> {
    /// The files with the newest extracts, newest first.
    pub(crate) files: Vec<F>,
    /// Extracts up to this time may have rows in files that were not chosen, so they may be incomplete. `None` if
    /// all files were chosen.
    pub(crate) complete_after: Option<DateTime<Utc>>,
}

/// Chooses the files with extracts of the last [`LOOK_BACK`] before the newest one, at most [`FILES`] files and
/// [`BYTES`] bytes. An extract in the future, from an object with a wrong name, counts as `now`.
pub(crate) fn choose<F>(mut candidates: Vec<Candidate<F>>, now: DateTime<Utc>) -> Choice<F> {
    candidates.sort_by_key(|candidate| Reverse(candidate.latest));
    let newest = candidates.first().map_or(now, |candidate| candidate.latest.min(now));
    let (mut files, mut bytes) = (Vec::new(), 0_u64);
    for candidate in candidates {
        bytes = bytes.saturating_add(candidate.size);
        if candidate.latest <= newest - LOOK_BACK || files.len() == FILES || bytes > BYTES {
            return Choice { files, complete_after: Some(candidate.latest) };
        }
        files.push(candidate.file);
    }
    Choice { files, complete_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn candidates(extracts: &[&str]) -> Vec<Candidate<usize>> {
        let candidate = |(file, latest): (usize, &&str)| Candidate { file, latest: at(latest), size: 1 };
        extracts.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn the_files_of_the_last_seven_days_are_read_newest_first() {
        let now = at("2026-11-26T12:00:00Z");
        let extracts = ["2026-11-18T23:00:05Z", "2026-11-24T23:00:05Z", "2026-11-25T23:00:05Z"];
        let choice = choose(candidates(&extracts), now);
        assert_eq!((choice.files, choice.complete_after), (vec![2, 1], Some(at(extracts[0]))));
        let all = choose(candidates(&extracts[1..]), now);
        assert_eq!((all.files, all.complete_after), (vec![1, 0], None));
    }

    #[test]
    fn a_table_that_stopped_growing_still_shows_its_last_forecast() {
        let extracts = ["2024-01-01T23:00:05Z", "2024-01-30T23:00:05Z"];
        assert_eq!(choose(candidates(&extracts), at("2026-11-26T12:00:00Z")).files, [1]);
    }

    #[test]
    fn an_extract_in_the_future_does_not_hide_the_others() {
        let extracts = ["2099-01-01T00:00:00Z", "2026-11-25T23:00:05Z", "2026-11-01T23:00:05Z"];
        assert_eq!(choose(candidates(&extracts), at("2026-11-26T12:00:00Z")).files, [0, 1]);
    }

    #[test]
    fn of_ten_years_of_extracts_only_a_week_is_read() {
        let start = at("2016-11-25T23:00:05Z");
        let years =
            (0..3650).map(|day| Candidate { file: day, latest: start + TimeDelta::days(day), size: 5_000 });
        let choice = choose(years.collect(), at("2026-11-26T12:00:00Z"));
        assert_eq!(choice.files, (3643..3650).rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_limits_are_kept_and_the_first_incomplete_extract_is_reported() {
        let now = at("2026-11-26T12:00:00Z");
        let many = (0..1_000).map(|file| Candidate { file, latest: now - TimeDelta::seconds(file), size: 1 });
        let choice = choose(many.collect(), now);
        assert_eq!((choice.files.len(), choice.complete_after), (FILES, Some(now - TimeDelta::seconds(200))));
        let large =
            (0..3).map(|file| Candidate { file, latest: now - TimeDelta::seconds(file), size: BYTES / 2 });
        let choice = choose(large.collect(), now);
        assert_eq!((choice.files, choice.complete_after), (vec![0, 1], Some(now - TimeDelta::seconds(2))));
        let huge = vec![Candidate { file: 0, latest: DateTime::<Utc>::MAX_UTC, size: u64::MAX }];
        assert!(choose(huge, now).files.is_empty());
        assert!(choose(Vec::<Candidate<u8>>::new(), now).files.is_empty());
    }

    #[test]
    fn without_statistics_the_day_limits_the_extract() {
        assert_eq!(end_of("2026-11-28"), Some(at("2026-11-30T00:00:00Z")));
        for day in ["", "__HIVE_DEFAULT_PARTITION__", "2026-02-30", "+262142-12-31"] {
            assert_eq!(end_of(day), None, "{day}");
        }
    }
}
