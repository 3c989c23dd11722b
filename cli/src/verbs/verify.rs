//! `headwater verify`: produced = stored + parked in every lane, nothing twice, and the sinks of a topic agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::Args;
use pipeline::{Pipeline, Pipelines};
use serde::Serialize;

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    reconcile::{
        Verdict,
        ends::{self, Ends},
        inbox, lake, media,
        objects::ObjectVerdict,
        parked, totals,
    },
    stack::{lag, layout::Layout, postgres, queues, record::Stack},
    table,
};

/// Arguments of `headwater verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at every record that Kafka held when this began, and at every row of every listed media file and inbox object. Exits with an error, and names the offsets, where it does not hold.

Examples:
  headwater verify
  headwater verify --json | jq .holds")]
pub(crate) struct Verify {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// How long to wait for records that are still on their way
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    mappings: Vec<Verdict>,
    sums: Vec<Sum>,
    objects: Vec<ObjectVerdict>,
}

/// The two sinks of one topic against each other.
#[derive(Debug, Serialize)]
struct Sum {
    topic: String,
    field: String,
    table: String,
    lake: Option<String>,
    totals: String,
    agree: bool,
}

/// Compares what Kafka took with what the sinks have.
pub(crate) async fn run(layout: &Layout, args: &Verify) -> anyhow::Result<()> {
    let stack = Stack::load(layout)?;
    let pipelines = Pipelines::from_folder(&stack.pipelines)?;
    let reader = lag::reader(&stack).await?;
    let ends = ends::settled(&reader, stack.outputs()?, args.timeout).await?;
    let letters = parked::offsets(&stack).await?;
    let mut report = Report { holds: true, mappings: Vec::new(), sums: Vec::new(), objects: Vec::new() };
    for pipeline in &pipelines {
        let Some(ends) = ends.get(&pipeline.topic.name) else { continue };
        judge(&stack, pipeline, ends, &letters, &mut report).await?;
    }
    for mapping in &stack.outputs()?.event_source_mappings {
        // A position beyond the end belongs to a topic that is gone.
        let (then, now) = (&ends[&mapping.topic], ends::of(&reader, mapping).await?);
        let shrunk =
            then.iter().any(|(partition, (_, end))| now.get(partition).is_none_or(|(_, now)| now < end));
        if shrunk
            && let Some(verdict) = report.mappings.iter_mut().find(|verdict| verdict.topic == mapping.topic)
        {
            verdict.problems.push("the topic was created again meanwhile".to_owned());
        }
    }
    judge_objects(&stack, args.timeout, &mut report).await?;
    report.holds = report.mappings.iter().all(Verdict::holds)
        && report.sums.iter().all(|sum| sum.agree)
        && report.objects.iter().all(ObjectVerdict::holds);
    show(&report, args.json)?;
    if report.holds {
        return Ok(());
    }
    Err(failure(
        "the sinks do not hold what Kafka and the buckets do",
        "`headwater status` and `headwater logs` say what goes wrong; `headwater drain` waits for what is on its way",
    ))
}

/// The lanes fed by S3, once their queues are empty.
async fn judge_objects(stack: &Stack, patience: Duration, report: &mut Report) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    while queues::all(stack).await?.iter().any(|depth| depth.waiting > 0) && started.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let client = postgres::connect(&stack.database_url).await?;
    let letters = parked::objects(&parked::open(stack).await?, None).await?;
    report.objects.extend(media::judge(stack, &client, &letters).await?);
    report.objects.extend(inbox::judge(stack, &client, &letters).await?);
    Ok(())
}

type Letters = BTreeMap<parked::Place, BTreeSet<i64>>;

async fn judge(
    stack: &Stack,
    pipeline: &Pipeline,
    ends: &Ends,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    let letters_of = |lane: &str| {
        let lane = lane.to_owned();
        move |partition: i32| {
            letters.get(&(lane.clone(), topic.clone(), partition)).cloned().unwrap_or_default()
        }
    };
    let verdict = |function: &str, group: &str| Verdict {
        function: function.to_owned(),
        group: group.to_owned(),
        topic: topic.clone(),
        ..Verdict::default()
    };
    // The totals first: whatever they count by now, the lake can be asked for exactly that.
    let mut counted = None;
    if let Some(spec) = &pipeline.totals {
        let mut client = postgres::connect(&stack.database_url).await?;
        let read =
            totals::read(&mut client, &spec.consumer_group, topic, &spec.table, &spec.total_column).await?;
        let mut verdict = verdict("totals-upserter", &spec.consumer_group);
        totals::judge(&mut verdict, &read, ends, &letters_of("totals-upserter"));
        report.mappings.push(verdict);
        counted = Some((spec, read));
    }
    let Some(spec) = &pipeline.lake else { return Ok(()) };
    let field = counted.as_ref().map(|(totals, _)| totals.sum.as_str());
    let books = counted.as_ref().map(|(_, read)| &read.books);
    let in_totals = |partition: i32, offset: i64| {
        books.is_some_and(|books| books.get(&partition).is_some_and(|books| books.counted(offset)))
    };
    let stored = lake::read(stack, &spec.path, field, in_totals).await?;
    let mut verdict = verdict("parquet-writer", &spec.consumer_group);
    lake::judge(&mut verdict, &stored, ends, &letters_of("parquet-writer"));
    report.mappings.push(verdict);
    if let Some((totals, read)) = counted {
        let lake = stored.sum.map(|sum| decimal(sum, &read.sum));
        // No exact sum, nothing to compare: floating point totals depend on the order.
        let agree = lake.as_ref().is_none_or(|lake| *lake == read.sum);
        report.sums.push(Sum {
            topic: topic.clone(),
            field: totals.sum.clone(),
            table: totals.table.clone(),
            lake,
            totals: read.sum,
            agree,
        });
    }
    Ok(())
}

/// An unscaled number with as many digits behind the point as `like` has.
fn decimal(unscaled: i128, like: &str) -> String {
    let scale = like.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if scale == 0 {
        return unscaled.to_string();
    }
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

fn show(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(report);
    }
    let rows = report.mappings.iter().map(|verdict| {
        let numbers = [verdict.produced, verdict.stored, verdict.parked, verdict.missing, verdict.doubled];
        let mut row = vec![verdict.function.clone(), verdict.group.clone(), verdict.topic.clone()];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(if verdict.holds() { "holds" } else { "DOES NOT HOLD" }.to_owned());
        row
    });
    let header =
        ["function", "group", "topic", "produced", "stored", "parked", "missing", "doubled", "verdict"];
    out::line(table::render(&header, rows));
    for sum in &report.sums {
        let relation = if sum.agree { "=" } else { "BUT" };
        let lake = sum.lake.as_deref().unwrap_or("(not exact, not compared)");
        out::line(format!(
            "{}: sum of {} in the lake {lake} {relation} {} in {}",
            sum.topic, sum.field, sum.totals, sum.table
        ));
    }
    let rows = report.objects.iter().map(|verdict| {
        let numbers = [
            verdict.objects,
            verdict.rows,
            verdict.stored,
            verdict.superseded,
            verdict.ignored,
            verdict.parked,
        ];
        let mut row = vec![verdict.function.clone(), verdict.bucket.clone()];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(if verdict.holds() { "holds" } else { "DOES NOT HOLD" }.to_owned());
        row
    });
    let header =
        ["function", "bucket", "objects", "rows", "stored", "superseded", "ignored", "parked", "verdict"];
    out::line("");
    out::line(table::render(&header, rows));
    for verdict in &report.objects {
        for problem in &verdict.problems {
            out::line(format!("{}: {problem}", verdict.function));
        }
        if verdict.more_problems > 0 {
            out::line(format!("{}: and {} more", verdict.function, verdict.more_problems));
        }
    }
    for verdict in &report.mappings {
        for problem in &verdict.problems {
            out::line(format!("{} of {}: {problem}", verdict.function, verdict.topic));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_as_postgres_writes_them() {
        assert_eq!(decimal(12_345, "0"), "12345");
        assert_eq!(decimal(12_345, "1.00"), "123.45");
        assert_eq!(decimal(-5, "1.00"), "-0.05");
        assert_eq!(decimal(0, "0.00"), "0.00");
    }
}
