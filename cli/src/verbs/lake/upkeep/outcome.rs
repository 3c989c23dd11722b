//! What the invocations did for one table, added up, and how it is shown.

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

/// Files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// What became of one table.
pub(super) struct Outcome {
    pub(super) table: LakeTable,
    pub(super) before: Size,
    pub(super) after: Size,
    done: Done,
}

/// All answers about one table.
#[derive(Debug, Default)]
struct Done {
    /// The sums of all answers; what is not a sum is that of the last one.
    sum: TableReport,
    /// The last answer says that work is left, and got no further.
    stuck: bool,
}

impl Outcome {
    pub(super) fn new(table: LakeTable, before: Size) -> Self {
        Self { table, before, after: before, done: Done::default() }
    }

    /// Takes in the next answer. Returns whether another invocation is needed, and will get further.
    pub(super) fn take(&mut self, report: TableReport) -> bool {
        self.done.take(report)
    }

    /// Why nothing was done, or what was left out.
    pub(super) fn note(&self, kind: Kind, dry_run: bool, force: bool) -> Option<String> {
        let (topic, upkeep, sum) = (&self.table.topic, &self.table.upkeep, &self.done.sum);
        if let Some(reason) = &sum.unfit {
            return Some(format!("{topic}: {} cannot be joined: {reason}", counted(sum.files_unfit, "file")));
        }
        if dry_run && sum.out_of_time {
            return Some(format!("{topic}: the time did not suffice to look at everything; there is more"));
        }
        if sum.error.is_some() {
            return None;
        }
        match kind {
            Kind::Compact if sum.files_joined == 0 && !force => Some(format!(
                "{topic}: no partition has {} small files that are worth joining; --force joins fewer",
                upkeep.min_files
            )),
            Kind::Vacuum if sum.files_deleted == 0 && sum.log_entries_deleted == 0 => Some(format!(
                "{topic}: nothing that may go is older than {} hours (files) or {} hours (log)",
                upkeep.retention_hours, upkeep.log_retention_hours
            )),
            _ => None,
        }
    }

    /// The error of a table whose work is not done.
    pub(super) fn failure(&self, kind: Kind) -> anyhow::Result<()> {
        let (topic, sum) = (&self.table.topic, &self.done.sum);
        if let Some(error) = &sum.error {
            return Err(failure(
                format!("{FUNCTION} could not look after the table of {topic}: {error}"),
                format!("see `headwater logs {FUNCTION}`"),
            ));
        }
        if self.done.stuck {
            return Err(failure(
                format!("{} of {topic} did not come to its end", kind.name()),
                format!(
                    "run it again; if that does not help, give {FUNCTION} more memory and time (`sizes.lake_keeper`)"
                ),
            ));
        }
        Ok(())
    }
}

impl Done {
    fn take(&mut self, report: TableReport) -> bool {
        let got_further = report.checkpoint_made
            || report.files_joined > 0
            || report.log_entries_deleted > 0
            || report.files_deleted > 0;
        let unfinished = report.out_of_time
            || report.groups_left > 0
            // A log that is too long to be read in one run gets a checkpoint in between.
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

/// One line about an invocation.
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
        Kind::Compact => format!("{would}{} joined to {}", counted(joined, "file"), count(written)),
        Kind::Vacuum => {
            format!("{would}{} and {} of logs deleted", counted(deleted, "file"), counted(log, "file"))
        }
    }
}

/// The outcomes as a table: what was done, or what would be.
pub(super) fn rendered(kind: Kind, dry_run: bool, outcomes: &[Outcome]) -> String {
    let rows = outcomes.iter().map(|outcome| {
        let mut row = vec![outcome.table.topic.clone()];
        row.extend(figures(kind, dry_run, &outcome.done.sum, (outcome.before, outcome.after)));
        row
    });
    table::render(header(kind, dry_run), rows)
}

fn header(kind: Kind, dry_run: bool) -> &'static [&'static str] {
    match (kind, dry_run) {
        (Kind::Checkpoint, true) => &["topic", "checkpoint", "commits since", "would write"],
        (Kind::Checkpoint, false) => &["topic", "checkpoint", "commits since", "written"],
        (Kind::Compact, true) => &["topic", "files", "size", "would join", "their size", "to files"],
        (Kind::Compact, false) => {
            &["topic", "files before", "size", "files after", "size", "joined", "written"]
        }
        (Kind::Vacuum, true) => &["topic", "files", "size", "would delete", "their size", "log entries"],
        (Kind::Vacuum, false) => {
            &["topic", "files before", "size", "files after", "size", "deleted", "log entries"]
        }
    }
}

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

    /// An answer as the function gives it.
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
    fn work_that_gets_no_further_is_not_tried_for_ever() {
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
    fn a_log_that_was_too_long_for_one_run_is_read_on() {
        let mut done = Done::default();
        let made =
            |commits: u64| answer(json!({"checkpoint_made": true, "commits_since_checkpoint": commits}));
        assert!(done.take(made(900)));
        assert!(!done.take(made(0)));
    }

    #[test]
    fn each_kind_of_work_has_a_figure_under_each_heading() {
        for kind in [Kind::Checkpoint, Kind::Compact, Kind::Vacuum] {
            for dry_run in [false, true] {
                let sizes = (Size::default(), Size::default());
                let row = figures(kind, dry_run, &TableReport::default(), sizes);
                assert_eq!(row.len() + 1, header(kind, dry_run).len(), "{kind:?} {dry_run}");
            }
        }
    }

    #[test]
    fn a_dry_run_says_that_it_was_one() {
        let reports = [answer(json!({"files_joined": 12, "groups_left": 1}))];
        assert_eq!(said(Kind::Compact, true, &reports), "dry run: 12 files joined to 1");
        assert!(said(Kind::Vacuum, true, &reports).starts_with("dry run"));
    }
}
