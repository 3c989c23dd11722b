//! `headwater lake history`: the newest commits of a table, from its Delta log.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use lake_upkeep::{HistoryEntry, LakeError};

use super::{
    tables::{self, LakeTable},
    words::{bytes, count, listed},
};
use crate::{failure::failure, out, stack::opened::Stack, table};

/// Prints the newest commits of a table, at most `limit`. Fails if `topic` is `None` and there are several tables.
pub(super) async fn run(stack: &Stack, topic: Option<&str>, limit: u32, json: bool) -> anyhow::Result<()> {
    let topics: Vec<String> = topic.map(ToOwned::to_owned).into_iter().collect();
    let tables = tables::of_topics(stack, &topics).await?;
    let [table] = tables.as_slice() else {
        return Err(failure(
            "which table? There are several",
            format!("name one of: {}", listed(tables.iter().map(|table| table.topic.as_str()))),
        ));
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let entries = match table.keeper().history(limit, LakeTable::deadline()).await {
        Err(LakeError::NoTable { .. }) => return Err(table.absent()),
        read => read.with_context(|| format!("cannot read the log of {}", table.topic))?,
    };
    if json {
        entries.iter().try_for_each(out::json)?;
    } else {
        out::line(rendered(&entries));
    }
    if let Some(note) = end_of_log(&entries, limit) {
        out::note(note);
    }
    Ok(())
}

/// A note if older commits are missing because the log was cleaned up. `None` if the entries reach the table's first
/// commit (version 0), or if `limit` ended them.
fn end_of_log(entries: &[HistoryEntry], limit: usize) -> Option<String> {
    let oldest = entries.last().filter(|oldest| entries.len() < limit && oldest.version > 0)?;
    Some(format!(
        "the log begins at version {}: older commits were deleted after `lake.upkeep.log_retention_hours`",
        oldest.version
    ))
}

/// The headings of the columns. `by` is the tool that wrote the commit.
const HEADER: [&str; 8] = ["version", "time", "operation", "rows", "files", "size", "by", "user"];

/// The commits as text. `-` stands for a value that the writer of the commit did not record.
fn rendered(entries: &[HistoryEntry]) -> String {
    let none = || "-".to_owned();
    let row = |entry: &HistoryEntry| {
        vec![
            entry.version.to_string(),
            entry.timestamp.map_or_else(none, time),
            operation(entry),
            change(entry.added_rows, entry.removed_rows, entry.removed_files > 0, count),
            change(Some(entry.added_files), Some(entry.removed_files), entry.removed_files > 0, count),
            change(Some(entry.added_bytes), entry.removed_bytes, entry.removed_files > 0, bytes),
            entry.engine.clone().unwrap_or_else(none),
            entry.user.clone().unwrap_or_else(none),
        ]
    };
    table::render(&HEADER, entries.iter().map(row))
}

/// A time in UTC, to the second.
fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The name of the operation. Headwater's own commits are `append`, `compact` or `positions` (an append without
/// files, which only stores positions). Other operations keep their name in the log, such as `MERGE` or `WRITE
/// Overwrite`.
fn operation(entry: &HistoryEntry) -> String {
    let mode = entry.mode.as_deref();
    match (entry.operation.as_deref(), mode) {
        (Some("WRITE"), Some("Append")) if entry.added_files == 0 => "positions".to_owned(),
        (Some("WRITE"), Some("Append")) => "append".to_owned(),
        (Some("OPTIMIZE"), _) => "compact".to_owned(),
        (Some(operation), Some(mode)) => format!("{operation} {mode}"),
        (Some(operation), None) => operation.to_owned(),
        (None, _) => "-".to_owned(),
    }
}

/// The change as `+12`, or as `+1 -12` if the commit removed files. `?` stands for a number that the log does not
/// have.
fn change(added: Option<u64>, removed: Option<u64>, any_removed: bool, shown: fn(u64) -> String) -> String {
    let one = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), shown);
    if any_removed { format!("+{} -{}", one(added), one(removed)) } else { format!("+{}", one(added)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: i64, operation: Option<&str>, mode: Option<&str>) -> HistoryEntry {
        HistoryEntry {
            version,
            timestamp: DateTime::from_timestamp_millis(1_795_209_862_123),
            operation: operation.map(ToOwned::to_owned),
            mode: mode.map(ToOwned::to_owned),
            engine: Some("headwater/0.1.0".to_owned()),
            user: None,
            added_files: 1,
            added_bytes: 2_048,
            added_rows: Some(1_500),
            removed_files: 0,
            removed_bytes: Some(0),
            removed_rows: Some(0),
        }
    }

    #[test]
    fn operations_of_headwater_have_short_names_and_others_keep_theirs() {
        let of = |operation_name, mode, files| {
            operation(&HistoryEntry { added_files: files, ..entry(1, operation_name, mode) })
        };
        assert_eq!(of(Some("WRITE"), Some("Append"), 1), "append");
        assert_eq!(of(Some("WRITE"), Some("Append"), 0), "positions");
        assert_eq!(of(Some("OPTIMIZE"), None, 1), "compact");
        assert_eq!(of(Some("WRITE"), Some("Overwrite"), 1), "WRITE Overwrite");
        assert_eq!(of(Some("MERGE"), None, 1), "MERGE");
        assert_eq!(of(None, None, 1), "-");
    }

    #[test]
    fn a_line_shows_added_and_removed_amounts_and_unknown_ones_as_question_marks() {
        let appended = entry(8, Some("WRITE"), Some("Append"));
        let compacted = HistoryEntry {
            removed_files: 12,
            removed_bytes: Some(4_096),
            removed_rows: Some(1_500),
            ..entry(7, Some("OPTIMIZE"), None)
        };
        let unknown = HistoryEntry {
            timestamp: None,
            engine: None,
            added_rows: None,
            removed_files: 2,
            removed_bytes: None,
            removed_rows: None,
            ..entry(6, None, None)
        };
        let text = rendered(&[appended, compacted, unknown]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].contains("append") && lines[1].contains("+1,500 ") && !lines[1].contains("-0"),
            "{text}"
        );
        assert!(lines[2].contains("+1,500 -1,500") && lines[2].contains("+1 -12"), "{text}");
        assert!(lines[2].contains("+2.00 KiB -4.00 KiB"), "{text}");
        assert!(lines[3].contains("+? -?") && lines[3].contains("+1 -2"), "{text}");
    }

    #[test]
    fn a_note_names_the_first_version_of_a_log_that_was_cleaned_up() {
        let entries = [entry(9, None, None), entry(8, None, None)];
        assert!(end_of_log(&entries, 20).unwrap().contains("begins at version 8"));
        assert_eq!(end_of_log(&entries, 2), None, "there may be more");
        assert_eq!(end_of_log(&[entry(0, None, None)], 20), None, "the whole history");
    }
}
