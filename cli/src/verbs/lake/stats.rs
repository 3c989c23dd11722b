//! `headwater lake stats`: the size of each table, from its log and a listing of its objects.

use anyhow::Error;
use lake_upkeep::{LakeError, Stats};
use serde::Serialize;

use super::{
    tables::{self, LakeTable},
    words::{bytes, count, known},
};
use crate::{out, progress::Pulse, stack::opened::Stack, table};

/// The figures of one table: one row of the output, or one JSON object.
#[derive(Debug, Serialize)]
struct Line {
    topic: String,
    /// The path below the lake's root.
    path: String,
    #[serde(flatten)]
    stats: Stats,
    /// The mean size of a data file, in bytes. 0 if the table has no files.
    mean_bytes: u64,
    /// The target size of a compacted file, in bytes (`lake.upkeep.target_file_bytes`).
    target_bytes: u64,
}

impl Line {
    fn new(table: &LakeTable, stats: Stats) -> Self {
        let mean_bytes = stats.bytes.checked_div(stats.files).unwrap_or(0);
        let (topic, path) = (table.topic.clone(), table.path.clone());
        Self { topic, path, stats, mean_bytes, target_bytes: table.upkeep.target_file_bytes }
    }
}

/// Prints the figures of each table. If a table cannot be read, prints the others and then returns the error.
///
/// A table without records is an error only if the user named its topic.
pub(super) async fn run(stack: &Stack, topics: &[String], json: bool) -> anyhow::Result<()> {
    let (mut lines, mut failed) = (Vec::new(), None);
    let mut pulse = Pulse::begin();
    for table in tables::of_topics(stack, topics).await? {
        pulse.show(&format!("reading the table of {}", table.topic));
        match table.keeper().stats(table.upkeep.target_file_bytes, LakeTable::deadline()).await {
            Ok(stats) => lines.push(Line::new(&table, stats)),
            Err(LakeError::NoTable { .. }) if topics.is_empty() => {
                out::note(format!("{} has had no record yet", table.topic));
            }
            Err(LakeError::NoTable { .. }) => failed = Some(table.absent()),
            Err(error) => {
                failed = Some(Error::new(error).context(format!("cannot read the table of {}", table.topic)));
            }
        }
    }
    drop(pulse);
    if json {
        lines.iter().try_for_each(out::json)?;
    } else if !lines.is_empty() {
        out::line(rendered(&lines));
    }
    failed.map_or(Ok(()), Err)
}

/// The headings of the columns. `small`, `unneeded` and `since` are explained in the help of the command.
const HEADER: [&str; 14] = [
    "topic",
    "version",
    "rows",
    "partitions",
    "files",
    "size",
    "mean",
    "median",
    "small",
    "unneeded",
    "their size",
    "checkpoint",
    "since",
    "log files",
];

/// The table as text, with units. `--json` prints plain numbers instead.
fn rendered(lines: &[Line]) -> String {
    let row = |line: &Line| {
        let stats = &line.stats;
        vec![
            line.topic.clone(),
            stats.version.to_string(),
            known(stats.rows),
            count(stats.partitions),
            count(stats.files),
            bytes(stats.bytes),
            bytes(line.mean_bytes),
            bytes(stats.median_bytes),
            count(stats.small_files),
            count(stats.unneeded_files),
            bytes(stats.unneeded_bytes),
            stats.checkpoint.map_or_else(|| "none".to_owned(), |version| version.to_string()),
            count(stats.commits_since),
            count(stats.log_files),
        ]
    };
    table::render(&HEADER, lines.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stats: Stats) -> Line {
        let mean_bytes = stats.bytes.checked_div(stats.files).unwrap_or(0);
        Line {
            topic: "rooms-v1".to_owned(),
            path: "rooms".to_owned(),
            stats,
            mean_bytes,
            target_bytes: 1 << 26,
        }
    }

    #[test]
    fn each_table_is_one_line_with_a_figure_for_each_column() {
        let full = Stats {
            version: 1_412,
            rows: Some(1_000_000),
            partitions: 3,
            files: 12,
            bytes: 24 << 20,
            median_bytes: 1 << 20,
            checkpoint: Some(1_400),
            commits_since: 12,
            ..Stats::default()
        };
        let text = rendered(&[line(full), line(Stats::default())]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for figure in ["rooms-v1", "1412", "1,000,000", "24.00 MiB", "2.00 MiB", "1.00 MiB", "1400"] {
            assert!(lines[1].contains(figure), "{figure} is not in {}", lines[1]);
        }
        // The second table has no checkpoint, and its number of rows is unknown.
        assert!(lines[2].contains("none") && lines[2].contains('?'), "{}", lines[2]);
    }

    #[test]
    fn scripts_get_plain_numbers_in_one_object() {
        let json = serde_json::to_value(line(Stats { files: 2, bytes: 10, ..Stats::default() })).unwrap();
        assert_eq!(
            (&json["topic"], &json["files"], &json["mean_bytes"]),
            (&"rooms-v1".into(), &2.into(), &5.into())
        );
        assert!(json["rows"].is_null() && json["checkpoint"].is_null(), "{json}");
    }
}
