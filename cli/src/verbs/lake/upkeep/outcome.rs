//! The sums of all invocations for one table, and their presentation.

use lake_keeper::TableReport;

use super::{FUNCTION, Kind};
use crate::{
    failure::failure,
    table,
    verbs::lake::{
        tables::LakeTable,
        words::{bytes, count, counted},
    },
};

/// The number of data files, and their size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The result of the work on one table.
pub(super) struct Outcome {
    pub(super) table: LakeTable,
    /// The size before the first invocation.
    pub(super) before: Size,
    /// The size when the work is done. The same as `before` until then, and in a dry run.
    pub(super) after: Size,
    done: Done,
}

/// All answers about one table.
#[derive(Debug, Default)]
struct Done {
    /// The numbers are sums over all answers. The other fields are those of the last answer.
    sum: TableReport,
    /// The last answer reported work left, but made no progress.
    stuck: bool,
}

impl Outcome {
    pub(super) fn new(table: LakeTable, before: Size) -> Self {
        Self { table, before, after: before, done: Done::default() }
    }

    /// Adds the next answer. Returns `true` if work is left and this answer made progress, so that another invocation
    /// makes sense.
    pub(super) fn take(&mut self, report: TableReport) -> bool {
        self.done.take(report)
    }

    /// A note for the user: why nothing was done, or which files were skipped. `None` if there is nothing to say.
    pub(super) fn note(&self, kind: Kind, dry_run: bool, force: bool) -> Option<String> {
        let (topic, upkeep, sum) = (&self.table.topic, &self.table.upkeep, &self.done.sum);
        if let Some(reason) = &sum.unfit {
            return Some(format!("{topic}: {} cannot be merged: {reason}", counted(sum.files_unfit, "file")));
        }
        if dry_run && sum.out_of_time {
            return Some(format!(
                "{topic}: the time ran out before everything was counted, so there is more work"
            ));
        }
        if sum.error.is_some() {
            return None;
        }
        match kind {
            Kind::Compact if sum.files_joined == 0 && !force => Some(format!(
                "{topic}: no partition has {} small files to merge; --force also merges fewer",
                upkeep.min_files
            )),
            Kind::Vacuum if sum.files_deleted == 0 && sum.log_entries_deleted == 0 => Some(format!(
                "{topic}: no unneeded file is older than {} hours, and no log entry that can be deleted is older than {} hours",
                upkeep.retention_hours, upkeep.log_retention_hours
            )),
            _ => None,
        }
    }

    /// Returns an error if the function reported one for this table, or if work is left and no progress is made.
    pub(super) fn failure(&self, kind: Kind) -> anyhow::Result<()> {
        let (topic, sum) = (&self.table.topic, &self.done.sum);
        if let Some(error) = &sum.error {
            return Err(failure(
                format!("{FUNCTION} failed for the table of {topic}: {error}"),
                format!("see `headwater logs {FUNCTION}`"),
            ));
        }
        if self.done.stuck {
            return Err(failure(
                format!("{} of {topic} makes no progress, but work is left", kind.name()),
                format!(
                    "run it again; if that does not help, give {FUNCTION} more memory and time (`sizes.lake_keeper`)"
                ),
            ));
        }
        Ok(())
    }
}

impl Done {
    /// See [`Outcome::take`].
    fn take(&mut self, report: TableReport) -> bool {
        let got_further = report.checkpoint_made
            || report.files_joined > 0
            || report.log_entries_deleted > 0
            || report.files_deleted > 0;
        let unfinished = report.out_of_time
            || report.groups_left > 0
            // If a log is too long for one run, the function writes a checkpoint of the part that it could read.
            || (report.checkpoint_made && report.commits_since_checkpoint > 0);
        let failed = report.error.is_some();
        let earlier = std::mem::replace(&mut self.sum, report);
        self.sum.checkpoint_made |= earlier.checkpoint_made;
        self.sum.files_joined += earlier.files_joined;
        self.sum.bytes_joined += earlier.bytes_joined;
        self.sum.files_written += earlier.files_written;
        self.sum.bytes_written += earlier.bytes_written;
        self.sum.log_entries_deleted += earlier.log_entries_deleted;
        self.sum.files_deleted += earlier.files_deleted;
        self.sum.bytes_deleted += earlier.bytes_deleted;
        self.stuck = unfinished && !got_further && !failed;
        unfinished && got_further && !failed
    }
}

/// One line about an invocation, with the sums over its tables.
pub(super) fn said<'a>(
    kind: Kind,
    dry_run: bool,
    reports: impl IntoIterator<Item = &'a TableReport>,
) -> String {
    let (mut checkpoints, mut joined, mut written, mut deleted, mut log) = (0, 0, 0, 0, 0);
    for report in reports {
        checkpoints += u64::from(report.checkpoint_made);
        joined += report.files_joined;
        written += if dry_run { report.groups_left } else { report.files_written };
        deleted += report.files_deleted;
        log += report.log_entries_deleted;
    }
    let would = if dry_run { "dry run: " } else { "" };
    match kind {
        Kind::Checkpoint if dry_run => "dry run".to_owned(),
        Kind::Checkpoint => format!("{} written", counted(checkpoints, "checkpoint")),
        Kind::Compact => format!("{would}{} merged into {}", counted(joined, "file"), count(written)),
        Kind::Vacuum => {
            format!("{would}{} and {} of logs deleted", counted(deleted, "file"), counted(log, "file"))
        }
    }
}

/// The outcomes as a table with one row per topic: what was done or, in a dry run, what would be done.
pub(super) fn rendered(kind: Kind, dry_run: bool, outcomes: &[Outcome]) -> String {
    let rows = outcomes.iter().map(|outcome| {
        let mut row = vec![outcome.table.topic.clone()];
        row.extend(figures(kind, dry_run, &outcome.done.sum, (outcome.before, outcome.after)));
        row
    });
    table::render(header(kind, dry_run), rows)
}

/// The headings for the rows of [`figures`].
fn header(kind: Kind, dry_run: bool) -> &'static [&'static str] {
    match (kind, dry_run) {
        (Kind::Checkpoint, true) => &["topic", "checkpoint", "commits since", "would write"],
        (Kind::Checkpoint, false) => &["topic", "checkpoint", "commits since", "written"],
        (Kind::Compact, true) => &["topic", "files", "size", "would merge", "their size", "into files"],
        (Kind::Compact, false) => {
            &["topic", "files before", "size", "files after", "size", "merged", "written"]
        }
        (Kind::Vacuum, true) => &["topic", "files", "size", "would delete", "their size", "log entries"],
        (Kind::Vacuum, false) => {
            &["topic", "files before", "size", "files after", "size", "deleted", "log entries"]
        }
    }
}

/// One row without the topic. In a dry run, the size after the work is left out.
fn figures(kind: Kind, dry_run: bool, sum: &TableReport, (before, after): (Size, Size)) -> Vec<String> {
    let size = |size: Size| [count(size.files), bytes(size.bytes)];
    let mut row = Vec::new();
    if kind != Kind::Checkpoint {
        row.extend(size(before));
        if !dry_run {
            row.extend(size(after));
        }
    }
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    match (kind, dry_run) {
        (Kind::Checkpoint, _) => row.extend([
            sum.checkpoint.map_or_else(|| "none".to_owned(), |version| version.to_string()),
            count(sum.commits_since_checkpoint),
            yes(if dry_run { sum.commits_since_checkpoint > 0 } else { sum.checkpoint_made }),
        ]),
        (Kind::Compact, true) => {
            row.extend([count(sum.files_joined), bytes(sum.bytes_joined), count(sum.groups_left)]);
        }
        (Kind::Compact, false) => row.extend([count(sum.files_joined), count(sum.files_written)]),
        (Kind::Vacuum, true) => {
            row.extend([count(sum.files_deleted), bytes(sum.bytes_deleted), count(sum.log_entries_deleted)]);
        }
        (Kind::Vacuum, false) => row.extend([count(sum.files_deleted), count(sum.log_entries_deleted)]),
    }
    row
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An answer of the function with these fields. The others have their defaults.
    fn answer(fields: Value) -> TableReport {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn answers_are_added_up_until_no_work_is_left() {
        let mut done = Done::default();
        let joined = |files: u64, left: u64, out_of_time: bool| {
            answer(
                json!({"files_joined": files, "files_written": 1, "groups_left": left, "out_of_time": out_of_time}),
            )
        };
        assert!(done.take(joined(10, 2, false)), "two groups are left");
        assert!(done.take(joined(5, 1, true)));
        assert!(!done.take(joined(5, 0, false)), "all is done");
        assert_eq!((done.sum.files_joined, done.sum.files_written, done.stuck), (20, 3, false));
    }

    #[test]
    fn work_without_progress_is_not_repeated() {
        for fields in [json!({"groups_left": 1}), json!({"out_of_time": true})] {
            let mut done = Done::default();
            assert!(!done.take(answer(fields)));
            assert!(done.stuck);
        }
    }

    #[test]
    fn an_error_ends_the_work_and_is_kept() {
        let mut done = Done::default();
        let error = "vacuum: S3 refused to delete 1 objects";
        assert!(!done.take(answer(json!({"files_deleted": 7, "out_of_time": true, "error": error}))));
        assert_eq!((done.sum.error.as_deref(), done.stuck), (Some(error), false));
    }

    #[test]
    fn a_log_that_is_too_long_for_one_run_needs_another_invocation() {
        let mut done = Done::default();
        let made =
            |commits: u64| answer(json!({"checkpoint_made": true, "commits_since_checkpoint": commits}));
        assert!(done.take(made(900)));
        assert!(!done.take(made(0)));
    }

    #[test]
    fn each_row_has_as_many_figures_as_headings() {
        for kind in [Kind::Checkpoint, Kind::Compact, Kind::Vacuum] {
            for dry_run in [false, true] {
                let sizes = (Size::default(), Size::default());
                let row = figures(kind, dry_run, &TableReport::default(), sizes);
                assert_eq!(row.len() + 1, header(kind, dry_run).len(), "{kind:?} {dry_run}");
            }
        }
    }

    #[test]
    fn the_line_of_a_dry_run_says_so() {
        let reports = [answer(json!({"files_joined": 12, "groups_left": 1}))];
        assert_eq!(said(Kind::Compact, true, &reports), "dry run: 12 files merged into 1");
        assert!(said(Kind::Vacuum, true, &reports).starts_with("dry run"));
    }
}
