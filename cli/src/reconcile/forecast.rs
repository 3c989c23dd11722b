//! Checks the weather lane: compares every raw answer on S3 with the rows of the Delta table that have its file name.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use anyhow::Context as _;
use arrow_array::cast::AsArray as _;
use aws_sdk_sfn::{Client, error::DisplayErrorContext, types::ExecutionStatus};
use dead_letters::{ParkedObject, Source};
use futures::{StreamExt as _, stream};
use s3::{ObjectStore, S3Location};
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use super::{lake, objects::ObjectVerdict, sources};
use crate::{
    out,
    progress::Meter,
    stack::{opened::Stack, outputs::ForecastOutput},
};

/// Name of the lane, also in its parked records.
pub(crate) const LANE: &str = "forecast_72";
/// How long reading all objects may take.
const PATIENCE: Duration = Duration::from_mins(30);
/// Number of concurrent reads.
const AT_A_TIME: usize = 16;
/// Largest object in bytes that is read. An answer has about 20 KB; a longer object counts as no forecast.
const LONGEST: u64 = 8 << 20;

/// Checks the lane. `None` if the stack does not have it. If a run is in progress, waits up to `patience` for its end.
///
/// # Errors
/// The bucket, an object or the table cannot be read.
pub(crate) async fn judge(
    stack: &Stack,
    letters: &[ParkedObject],
    patience: Duration,
) -> anyhow::Result<Option<ObjectVerdict>> {
    let Some(lane) = &stack.outputs().forecast else { return Ok(None) };
    settled(stack, lane, patience).await?;
    let deadline = Instant::now() + PATIENCE;
    let root: S3Location =
        format!("s3://{}", lane.raw_bucket).parse().context("the raw bucket has no name")?;
    let store = ObjectStore::new(stack.objects(), root);
    let there = store.list_below(&lane.raw_prefix, deadline).await?;
    // Rows are read after the objects are listed. So every listed object had at least as much time to be stored, and
    // objects that arrive later are not checked.
    let rows = rows_by_file(stack, lane, deadline).await?;
    let parked = parked(letters);
    let mut verdict = ObjectVerdict::of(LANE, &lane.raw_bucket);
    let keys: Vec<&str> =
        there.iter().map(|object| object.path.as_str()).filter(|key| is_read(key)).collect();
    let total = keys.len() as u64;
    let mut meter = Meter::new("raw answers", total);
    let mut reads = stream::iter(keys)
        .map(async |key| (key, store.read(key, LONGEST, deadline).await))
        .buffer_unordered(AT_A_TIME);
    let mut done = 0;
    while let Some((key, read)) = reads.next().await {
        done += 1;
        meter.set(done, total);
        let Some((_, bytes)) = read.with_context(|| format!("cannot read {key}"))? else { continue };
        let file = key.strip_prefix(&lane.raw_prefix).unwrap_or(key);
        let hours = bytes.as_deref().and_then(hours);
        let stored = rows.get(file).copied().unwrap_or(0);
        compare(&mut verdict, file, hours, stored, parked.contains(key));
    }
    Ok(Some(verdict))
}

/// Whether the Spark job reads an object of this name. Hadoop ignores names that begin with `_` or `.`.
fn is_read(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.strip_suffix(".json").is_some() && !name.starts_with(['_', '.'])
}

/// Compares one raw object with its rows and adds the result to the verdict. `hours` is its number of distinct hours,
/// `None` if it is not a forecast. A parked object must have no rows.
fn compare(verdict: &mut ObjectVerdict, file: &str, hours: Option<u64>, stored: u64, is_parked: bool) {
    verdict.objects += 1;
    match (hours, is_parked) {
        (_, true) => {
            verdict.objects_parked += 1;
            if stored > 0 {
                verdict.problem(format!("{file}: is parked, but {stored} rows of it are stored"));
            }
        }
        (Some(hours), false) => {
            verdict.rows += hours;
            verdict.stored += stored.min(hours);
            match stored {
                0 if hours > 0 => {
                    verdict.problem(format!("{file}: not in the table: `headwater forecast run` stores it"));
                }
                stored if stored != hours => {
                    verdict.problem(format!("{file}: has {hours} hours, but {stored} rows are stored"));
                }
                _ => {}
            }
        }
        (None, false) => verdict.problem(format!("{file}: is not a forecast, but is not parked either")),
    }
}

/// Counts the distinct hours of an answer; `None` if it is not a forecast.
fn hours(bytes: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(bytes).ok()?;
    let hours: Option<BTreeSet<&str>> =
        answer.get("data")?.as_array()?.iter().map(|hour| hour.get("date")?.as_str()).collect();
    Some(hours?.len() as u64)
}

/// The keys of the raw objects that are parked.
fn parked(letters: &[ParkedObject]) -> BTreeSet<&str> {
    let records = letters.iter().flat_map(|object| object.records.iter().flatten());
    let keys = records.filter(|record| record.lane == LANE).filter_map(|record| match &record.source {
        Source::Object { key, .. } => Some(key.as_str()),
        Source::Kafka { .. } => None,
    });
    keys.collect()
}

/// Number of rows of the Delta table by the value of the column `filename`. Empty if the table does not exist yet.
async fn rows_by_file(
    stack: &Stack,
    lane: &ForecastOutput,
    deadline: Instant,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let Some(snapshot) = lake::snapshot(&sources(stack)?, &lane.table, deadline).await? else {
        return Ok(rows);
    };
    let columns = ["filename"];
    let mut files = pin!(snapshot.scan(&columns, deadline));
    while let Some(file) = files.next().await {
        for batch in file?.1 {
            let names = batch.column(0).as_string_opt::<i32>().context("the column filename is not text")?;
            for name in names.iter().flatten() {
                *rows.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(rows)
}

/// Waits until no run is in progress or `patience` is over. A run may be storing rows, which would look like missing
/// ones.
async fn settled(stack: &Stack, lane: &ForecastOutput, patience: Duration) -> anyhow::Result<()> {
    let client = Client::new(stack.sdk());
    let deadline = Instant::now() + patience;
    loop {
        let asked = client
            .list_executions()
            .state_machine_arn(&lane.state_machine_arn)
            .status_filter(ExecutionStatus::Running)
            .send();
        let running = match asked.await {
            // The operators' host cannot reach Step Functions if its network has no NAT. The check goes on without it.
            Err(error) if stack.local().is_none() => {
                let reason = DisplayErrorContext(&error);
                out::note(format!(
                    "cannot find out whether a forecast run is in progress; if one is, rows may still be missing: {reason}"
                ));
                return Ok(());
            }
            asked => asked
                .map_err(|error| anyhow::anyhow!("cannot list the runs: {}", DisplayErrorContext(&error)))?,
        };
        if running.executions.is_empty() || Instant::now() > deadline {
            return Ok(());
        }
        sleep(Duration::from_millis(250)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(hours: Option<u64>, stored: u64, is_parked: bool) -> ObjectVerdict {
        let mut verdict = ObjectVerdict::of(LANE, "raw");
        compare(&mut verdict, "f.json", hours, stored, is_parked);
        verdict
    }

    #[test]
    fn an_answer_whose_hours_are_all_rows_holds_and_so_does_a_parked_one() {
        assert!(compared(Some(72), 72, false).holds());
        assert!(compared(None, 0, true).holds());
    }

    #[test]
    fn missing_doubled_and_unparked_answers_are_named() {
        for (verdict, problem) in [
            (compared(Some(72), 0, false), "not in the table"),
            (compared(Some(72), 144, false), "has 72 hours, but 144 rows are stored"),
            (compared(Some(72), 71, false), "has 72 hours, but 71 rows are stored"),
            (compared(None, 0, false), "is not a forecast"),
            (compared(Some(72), 72, true), "is parked, but 72 rows"),
        ] {
            assert!(!verdict.holds());
            assert!(verdict.problems[0].contains(problem), "{verdict:?}");
        }
    }

    #[test]
    fn objects_that_the_job_does_not_read_are_left_out() {
        assert!(is_read("raw/forecast_72_20261126T230005Z_1.json"));
        for other in ["raw/", "raw/notes.txt", "raw/_SUCCESS.json", "raw/.part.json"] {
            assert!(!is_read(other), "{other}");
        }
    }

    #[test]
    fn an_answer_without_a_list_of_hours_is_no_forecast() {
        assert_eq!(hours(br#"{"data":[{"date":"a"},{"date":"b"},{"date":"a"}]}"#), Some(2));
        for other in [&b"{}"[..], b"{\"data\":{}}", b"{\"data\":[{}]}", b"<html>", b"[]", b""] {
            assert_eq!(hours(other), None);
        }
    }
}
