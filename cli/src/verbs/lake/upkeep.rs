//! `headwater lake checkpoint`, `compact` and `vacuum`: invokes the function lake-keeper until no work is left.

mod outcome;

use std::collections::BTreeMap;

use anyhow::Context as _;
use lake_keeper::{Report, Request, Step, TableReport};
use lake_upkeep::LakeError;

use super::{
    tables::{self, LakeTable},
    words::listed,
};
use crate::{failure::failure, out, progress, stack::opened::Stack};
use outcome::{Outcome, Size};

/// The folder of the function that does the work.
const FUNCTION: &str = "lake-keeper";

/// The kind of upkeep that the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Checkpoint,
    Compact,
    Vacuum,
}

impl Kind {
    /// The name of the subcommand.
    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Compact => "compact",
            Self::Vacuum => "vacuum",
        }
    }

    /// The steps of lake-keeper. A vacuum also deletes old log entries.
    fn steps(self) -> Vec<Step> {
        match self {
            Self::Checkpoint => vec![Step::Checkpoint],
            Self::Compact => vec![Step::Compact],
            Self::Vacuum => vec![Step::CleanLog, Step::Vacuum],
        }
    }
}

/// Does the work, then prints one row per table with the sizes before and after it. In a dry run, prints what would be
/// done.
///
/// # Errors
/// A failure with a fix if lake-keeper is not deployed, if upkeep is switched off for a named topic or for all tables,
/// if a named topic has no table, or if the work on a table failed or made no progress.
pub(super) async fn run(
    stack: &Stack,
    kind: Kind,
    topics: &[String],
    dry_run: bool,
    force: bool,
) -> anyhow::Result<()> {
    if !stack.outputs().functions.contains_key(FUNCTION) {
        return Err(failure(
            format!("{FUNCTION} is not deployed, so the tables get no upkeep"),
            "enable it in Terraform (`enabled.lake_keeper`) and deploy again",
        ));
    }
    let tables = kept(tables::of_topics(stack, topics).await?, topics)?;
    let mut outcomes = Vec::new();
    for table in tables {
        match size(kind, &table).await? {
            Some(before) => outcomes.push(Outcome::new(table, before)),
            None if topics.is_empty() => out::note(format!("{} has had no record yet", table.topic)),
            None => return Err(table.absent()),
        }
    }
    let request = Request { steps: kind.steps(), dry_run, force, ..Request::default() };
    rounds(stack, kind, request, &mut outcomes).await?;
    if !dry_run {
        for outcome in &mut outcomes {
            outcome.after = size(kind, &outcome.table).await?.unwrap_or_default();
        }
    }
    if !outcomes.is_empty() {
        out::line(outcome::rendered(kind, dry_run, &outcomes));
    }
    for note in outcomes.iter().filter_map(|outcome| outcome.note(kind, dry_run, force)) {
        out::note(note);
    }
    outcomes.iter().try_for_each(|outcome| outcome.failure(kind))
}

/// The tables whose upkeep is enabled. The others are named in a note.
///
/// # Errors
/// A failure if the user named a table whose upkeep is off, or if no table is left.
fn kept(tables: Vec<LakeTable>, topics: &[String]) -> anyhow::Result<Vec<LakeTable>> {
    let (kept, off): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table.upkeep.enabled);
    let off: Vec<&str> = off.iter().map(|table| table.topic.as_str()).collect();
    if off.is_empty() {
        return Ok(kept);
    }
    let said = format!("upkeep is switched off for {} (`lake.upkeep.enabled: false`)", listed(off));
    if kept.is_empty() || !topics.is_empty() {
        return Err(failure(
            said,
            "if no other tool maintains these tables, enable upkeep in the pipeline file and run `headwater up`",
        ));
    }
    out::note(said);
    Ok(kept)
}

/// The current size of the files that this kind of work changes. `None` if the table does not exist.
///
/// A checkpoint changes no data files, so its size is 0. For a vacuum, the size includes unneeded files.
async fn size(kind: Kind, table: &LakeTable) -> anyhow::Result<Option<Size>> {
    let (keeper, deadline) = (table.keeper(), LakeTable::deadline());
    let read = match kind {
        Kind::Checkpoint => keeper.newest_checkpoint(deadline).await.map(|_| Size::default()),
        Kind::Compact => keeper.size(deadline).await.map(|(files, bytes)| Size { files, bytes }),
        Kind::Vacuum => keeper.stats(table.upkeep.target_file_bytes, deadline).await.map(|stats| Size {
            files: stats.files + stats.unneeded_files,
            bytes: stats.bytes + stats.unneeded_bytes,
        }),
    };
    match read {
        Ok(size) => Ok(Some(size)),
        Err(LakeError::NoTable { .. }) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the table of {}", table.topic)),
    }
}

/// Invokes the function until no table has work left, or until no table makes progress. A dry run is one invocation.
///
/// # Errors
/// A failure if the answer is not a report, or if the deployed function does not know one of the topics.
async fn rounds(
    stack: &Stack,
    kind: Kind,
    mut request: Request,
    outcomes: &mut [Outcome],
) -> anyhow::Result<()> {
    request.topics = outcomes.iter().map(|outcome| outcome.table.topic.clone()).collect();
    while !request.topics.is_empty() {
        let topics = listed(request.topics.iter().map(String::as_str));
        let step = progress::Step::begin(kind.name(), &topics);
        let answer = stack.invoke(FUNCTION, serde_json::to_vec(&request)?).await?;
        let report: Report = serde_json::from_value(answer.clone()).map_err(|_| {
            failure(format!("{FUNCTION} answered {answer}"), format!("see `headwater logs {FUNCTION}`"))
        })?;
        let mut reports: BTreeMap<String, TableReport> =
            report.tables.into_iter().map(|table| (table.topic.clone(), table)).collect();
        step.done(outcome::said(kind, request.dry_run, reports.values()));
        let mut next = Vec::new();
        for topic in &request.topics {
            let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.table.topic == *topic) else {
                continue;
            };
            let report = reports.remove(topic).ok_or_else(|| {
                failure(
                    format!("{FUNCTION} does not know the table of {topic}"),
                    "deploy the pipeline file with `headwater up`",
                )
            })?;
            if outcome.take(report) && !request.dry_run {
                next.push(topic.clone());
            }
        }
        request.topics = next;
    }
    Ok(())
}
