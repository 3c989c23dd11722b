//! `headwater verify`: produced = stored + parked in every lane, nothing twice, and the sinks of a topic agree.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use pipeline::{Pipeline, Pipelines, Table as TableSpec};
use serde::Serialize;
use warehouse::values;

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    reconcile::{
        Verdict, books,
        ends::{self, Ends},
        fleet::{self, FleetVerdict},
        inbox, lake, media,
        objects::ObjectVerdict,
        oracle::{Opinion, Oracle},
        parked::{self, Letters},
        table as rows, totals,
    },
    stack::{lag, layout::Layout, postgres, queues, record::Stack},
    table,
};

/// Arguments of `headwater verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at every record that Kafka held when this began, and at every row of every listed media file and inbox object. Exits with an error, and names the offsets, where it does not hold.

The lake is read a second time by deltalake, a library that shares no code with the writer: it must find the same records, each once. With --independent, every record is also read from Kafka by librdkafka and compared with its row, value by value, and the sums of both sides with each other. What this needs is installed from PyPI when it is asked for first; until then the second reading is left out.

Examples:
  headwater verify
  headwater verify --independent
  headwater verify --json | jq .holds")]
pub(crate) struct Verify {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Also compare every row of the lake with its record in Kafka, with tools that are not ours
    #[arg(long)]
    independent: bool,
    /// How long to wait for records that are still on their way
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    holds: bool,
    mappings: Vec<Verdict>,
    sums: Vec<Sum>,
    objects: Vec<ObjectVerdict>,
    fleets: Vec<FleetVerdict>,
    /// What another reader says of the lake; `None` where it is not installed.
    independent: Option<Vec<Opinion>>,
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
    queues_empty(&stack, args.timeout).await?;
    let parked = parked::objects(&parked::open(&stack).await?, None).await?;
    let letters = parked::offsets(&parked);
    let mut report = Report { holds: true, ..Report::default() };
    let oracle = Oracle::new((layout, &stack), args.independent, &pipelines, &ends, &letters)?;
    let running = match &oracle {
        Some(oracle) => Some((oracle, oracle.start().await?)),
        None => None,
    };
    for pipeline in &pipelines {
        let Some(ends) = ends.get(&pipeline.topic.name) else { continue };
        judge(&stack, pipeline, ends, &letters, &mut report).await?;
        if let Some(spec) = &pipeline.table {
            judge_table(layout, &stack, (pipeline, spec), ends, &letters, &mut report).await?;
        }
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
    let client = postgres::connect(&stack.database_url).await?;
    report.objects.extend(media::judge(&stack, &client, &parked).await?);
    report.objects.extend(inbox::judge(&stack, &client, &parked).await?);
    if let Some((oracle, running)) = running {
        report.independent = Some(oracle.opinions(running, &report.mappings).await?);
    }
    report.holds = report.mappings.iter().all(Verdict::holds)
        && report.sums.iter().all(|sum| sum.agree)
        && report.objects.iter().all(ObjectVerdict::holds)
        && report.fleets.iter().all(FleetVerdict::holds)
        && report.independent.iter().flatten().all(Opinion::holds);
    show(&report, args.json)?;
    if report.holds {
        return Ok(());
    }
    Err(failure(
        "the sinks do not hold what Kafka and the buckets do",
        "`headwater status` and `headwater logs` say what goes wrong; `headwater drain` waits for what is on its way",
    ))
}

/// Waits for what is on its way through the lanes fed by S3.
async fn queues_empty(stack: &Stack, patience: Duration) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    while queues::all(stack).await?.iter().any(|depth| depth.waiting > 0) && started.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn judge(
    stack: &Stack,
    pipeline: &Pipeline,
    ends: &Ends,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    // The totals first: whatever they count by now, the lake can be asked for exactly that.
    let mut counted = None;
    if let Some(spec) = &pipeline.totals {
        let mut client = postgres::connect(&stack.database_url).await?;
        let read = totals::read(&mut client, topic, spec).await?;
        let mut verdict = Verdict::of("totals-upserter", &spec.consumer_group, topic);
        books::judge(&mut verdict, &read.books, ends, &letters_of(letters, "totals-upserter", topic));
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
    let mut verdict = Verdict::of("parquet-writer", &spec.consumer_group, topic);
    lake::judge(&mut verdict, &stored, ends, &letters_of(letters, "parquet-writer", topic));
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

async fn judge_table(
    layout: &Layout,
    stack: &Stack,
    (pipeline, spec): (&Pipeline, &TableSpec),
    ends: &Ends,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    let mut client = postgres::connect(&stack.database_url).await?;
    let stored = rows::read(&mut client, topic, spec).await?;
    let mut verdict = Verdict::of("table-writer", &spec.consumer_group, topic);
    let without_row = rows::judge(&mut verdict, &stored, ends, &letters_of(letters, "table-writer", topic));
    rows::account_for(&mut verdict, stack, pipeline, spec, &without_row).await?;
    report.mappings.push(verdict);
    if let Ok(gateway) = stack.outputs()?.url("telemetry-gateway") {
        report.fleets.extend(fleet::judge(layout, gateway, &client, pipeline, spec).await?);
    }
    Ok(())
}

/// The offsets of one lane's dead letters in a topic, by partition.
fn letters_of<'a>(letters: &'a Letters, lane: &'a str, topic: &'a str) -> impl Fn(i32) -> BTreeSet<i64> + 'a {
    move |partition| letters.get(&(lane.to_owned(), topic.to_owned(), partition)).cloned().unwrap_or_default()
}

/// An unscaled number with as many digits behind the point as `like` has.
fn decimal(unscaled: i128, like: &str) -> String {
    let scale = like.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    // A decimal has 38 digits at the most.
    values::decimal_text(unscaled, u8::try_from(scale).unwrap_or(u8::MAX))
}

fn show(report: &Report, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(report);
    }
    let rows = report.mappings.iter().map(|verdict| {
        let numbers = [
            verdict.produced,
            verdict.stored,
            verdict.repeated,
            verdict.parked,
            verdict.missing,
            verdict.doubled,
        ];
        let names = [&verdict.function, &verdict.group, &verdict.topic];
        row(names, numbers, verdict.holds())
    });
    let header = [
        "function",
        "group",
        "topic",
        "produced",
        "stored",
        "of it again",
        "parked",
        "missing",
        "doubled",
        "verdict",
    ];
    out::line(table::render(&header, rows));
    for sum in &report.sums {
        let relation = if sum.agree { "=" } else { "BUT" };
        let lake = sum.lake.as_deref().unwrap_or("(not exact, not compared)");
        out::line(format!(
            "{}: sum of {} in the lake {lake} {relation} {} in {}",
            sum.topic, sum.field, sum.totals, sum.table
        ));
    }
    for opinion in report.independent.iter().flatten() {
        out::line(opinion.line());
    }
    for drive in &report.fleets {
        let relation = if drive.holds() { "=" } else { "BUT" };
        let given_up =
            if drive.given_up > 0 { format!(" (and {} given up)", drive.given_up) } else { String::new() };
        out::line(format!(
            "fleet of {} at {}: {} acknowledged{given_up} {relation} {} stored",
            drive.vehicles, drive.started, drive.acknowledged, drive.stored
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
        row([&verdict.function, &verdict.bucket], numbers, verdict.holds())
    });
    let header =
        ["function", "bucket", "objects", "rows", "stored", "superseded", "ignored", "parked", "verdict"];
    out::line("");
    out::line(table::render(&header, rows));
    for problem in problems(report) {
        out::line(problem);
    }
    Ok(())
}

fn row<const N: usize, T: ToString>(
    names: [&String; N],
    numbers: impl IntoIterator<Item = T>,
    holds: bool,
) -> Vec<String> {
    let mut row: Vec<String> = names.into_iter().cloned().collect();
    row.extend(numbers.into_iter().map(|number| number.to_string()));
    row.push(if holds { "holds" } else { "DOES NOT HOLD" }.to_owned());
    row
}

fn problems(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    for verdict in &report.objects {
        problems.extend(verdict.problems.iter().map(|problem| format!("{}: {problem}", verdict.function)));
        if verdict.more_problems > 0 {
            problems.push(format!("{}: and {} more", verdict.function, verdict.more_problems));
        }
    }
    for verdict in &report.mappings {
        let of = |problem| format!("{} of {}: {problem}", verdict.function, verdict.topic);
        problems.extend(verdict.problems.iter().map(of));
    }
    for opinion in report.independent.iter().flatten() {
        let of = |problem| format!("independent check of {}: {problem}", opinion.topic);
        problems.extend(opinion.problems.iter().map(of));
    }
    for drive in &report.fleets {
        problems
            .extend(drive.problems.iter().map(|problem| format!("fleet at {}: {problem}", drive.started)));
    }
    problems
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
