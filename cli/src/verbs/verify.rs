//! `headwater verify`: checks that produced = stored + parked in every lane, that no record is stored twice, and that
//! the sinks of a topic agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::Args;
use kafka::PartitionLag;
use pipeline::{Pipeline, Sink, TableSection as TableSpec};
use warehouse::values;

use super::drain::duration;
use crate::{
    failure::failure,
    reconcile::{
        Sources, Verdict,
        books::{self, Books, Seen},
        ends, fleet, forecast, inbox, lake,
        lost::{self, Reach},
        media,
        oracle::Oracle,
        parked::{self, Letters},
        report::{Report, Sum},
        sources, table as rows,
        topic::InspectedTopic,
        totals,
    },
    stack::{
        lag::{self, MappingLag},
        layout::Layout,
        opened::Stack,
        queues,
    },
};

/// Arguments of `headwater verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it after a test, an incident or a repair. Checks every record that Kafka holds when the command begins, every row of
the listed media files and of the inbox objects, and every hour of the raw forecasts. If a record is missing, lost or
stored twice, prints its offset and exits with an error. The function reconciler does the same each hour for new records
(`headwater certificates`).

A second check reads the lake with deltalake, a library that shares no code with Headwater: it must find the same
records, each once. With --independent, it also reads every record from Kafka with librdkafka, compares all values with
the rows, and compares the sums. The libraries are installed from PyPI by the first --independent; before that, the
second check is skipped. It works only on the local stack.

Examples:
  headwater verify
  headwater verify --independent
  headwater verify --json | jq .holds")]
pub(crate) struct Verify {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Also compare every row of the lake with its record in Kafka, with third-party libraries
    #[arg(long)]
    independent: bool,
    /// How long to wait for records and messages that are not delivered yet
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

/// Compares the records in Kafka, and the objects on S3, with the contents of the sinks. Prints a report.
///
/// Records that arrive after the start are not checked, so the result does not depend on schedules that produce more.
///
/// # Errors
/// - A check fails.
/// - Kafka, Postgres or S3 cannot be read.
/// - `--independent`: the libraries cannot be installed, or the stack is not local.
pub(crate) async fn run(layout: &Layout, args: &Verify) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let pipelines = stack.pipelines()?;
    let reader = lag::reader(&stack).await?;
    let sources = sources(&stack)?;
    let ends::Settled { ends, open } = ends::settled(&reader, stack.outputs(), args.timeout).await?;
    let lags = lag::all(&reader, stack.outputs()).await?;
    queues_empty(&stack, args.timeout).await?;
    let parked = parked::objects(&parked::open(&sources), None).await?;
    let letters = parked::offsets(&parked);
    let mut report = Report { holds: true, open_transactions: open, ..Report::default() };
    let oracle = Oracle::new((layout, &stack), args.independent, &pipelines, &ends, &letters)?;
    let running = match &oracle {
        Some(oracle) => Some((oracle, oracle.start().await?)),
        None => None,
    };
    for pipeline in &pipelines {
        let Some(ends) = ends.get(&pipeline.topic.name) else { continue };
        let mut kafka = Kafka {
            topic: InspectedTopic::new(&pipeline.topic.name, ends, sources.cluster.clone()),
            lags: &lags,
        };
        judge((&stack, &sources), pipeline, &mut kafka, &letters, &mut report).await?;
        if let Some(spec) = &pipeline.table {
            judge_table(layout, (&stack, &sources), (pipeline, spec), &mut kafka, &letters, &mut report)
                .await?;
        }
    }
    for mapping in &stack.outputs().event_source_mappings {
        let (then, now) = (&ends[&mapping.topic], ends::of(&reader, mapping).await?);
        let shrunk =
            then.iter().any(|(partition, (_, end))| now.get(partition).is_none_or(|(_, now)| now < end));
        let of_mapping = |verdict: &&mut Verdict| {
            verdict.topic == mapping.topic && verdict.group == mapping.consumer_group
        };
        let Some(verdict) = report.mappings.iter_mut().find(of_mapping) else { continue };
        if shrunk {
            verdict.problems.push("the topic was created again during this check".to_owned());
        } else if !ends::reached(&reader, mapping, then).await? {
            // The sink's offsets alone do not show this: after the topic was created again, those of the earlier topic
            // look right.
            verdict.problems.push(
                "the group has not committed all records: `headwater status` shows the last error".to_owned(),
            );
        }
    }
    let client = stack.postgres().await?;
    report.objects.extend(media::judge(&stack, &client, &parked).await?);
    report.objects.extend(inbox::judge(&stack, &client, &parked).await?);
    report.objects.extend(forecast::judge(&stack, &parked, args.timeout).await?);
    if let Some((oracle, running)) = running {
        report.independent = Some(oracle.opinions(running, &report.mappings).await?);
    }
    report.holds = report.adds_up();
    report.show(args.json)?;
    if report.holds {
        return Ok(());
    }
    if report.mappings.iter().any(|verdict| verdict.lost > 0) {
        return Err(failure(
            "Kafka deleted records before they were stored",
            "send them again from the source if it can; then run `headwater offsets accept-loss --group GROUP --topic \
             TOPIC`",
        ));
    }
    Err(failure(
        "the sinks do not match Kafka and the buckets",
        "see `headwater status` and `headwater logs`; if deliveries are not finished, run `headwater drain` first",
    ))
}

/// Waits until all queues are empty, or until `patience` is over. Messages that are still in a queue are not an error
/// here: the checks of the S3 lanes then report missing objects.
async fn queues_empty(stack: &Stack, patience: Duration) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    while queues::all(stack).await?.iter().any(|depth| depth.waiting > 0) && started.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// A topic in Kafka, and the lags of the groups that read it.
struct Kafka<'a> {
    /// The topic, with the ends of its partitions up to which records are checked.
    topic: InspectedTopic<'a>,
    /// The lags of all mappings of the stack.
    lags: &'a [MappingLag<'a>],
}

impl Kafka<'_> {
    /// The lag of a group in each partition. Its `beginning` is the one that was read with the ends of the topic: Kafka
    /// may have deleted records since.
    fn lags(&self, group: &str) -> Vec<PartitionLag> {
        let ours = |lag: &&MappingLag<'_>| {
            lag.mapping.consumer_group == group && lag.mapping.topic == self.topic.name
        };
        let partitions = self.lags.iter().find(ours).map(|lag| lag.partitions.clone()).unwrap_or_default();
        let beginning = |partition: &PartitionLag| Some(self.topic.ends.get(&partition.partition)?.0);
        partitions
            .into_iter()
            .filter_map(|partition| Some(PartitionLag { beginning: beginning(&partition)?, ..partition }))
            .collect()
    }
}

/// Checks the lake and the totals of a topic, and compares the sums of both. Adds the results to the report. A pipeline
/// without these sections adds nothing.
///
/// # Errors
/// A sink or Kafka cannot be read. A difference is a problem in the report, not an error.
async fn judge(
    (stack, sources): (&Stack, &Sources),
    pipeline: &Pipeline,
    kafka: &mut Kafka<'_>,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    // The totals are read first. The lake can then be summed over exactly the records that the totals count.
    let mut counted = None;
    if let Some(spec) = &pipeline.totals {
        let client = stack.postgres().await?;
        let read = totals::read(&client, topic, spec).await?;
        counted = Some((spec, read));
    }
    // The lake is checked before the totals: its rows show which offsets have, or had, a record.
    let mut of_lake = None;
    if let Some(spec) = &pipeline.lake {
        let field = counted.as_ref().map(|(totals, _)| totals.sum.as_str());
        let books = counted.as_ref().map(|(_, read)| &read.books);
        let in_totals = |partition: i32, offset: i64| {
            let books = books.and_then(|books| books.get(&partition));
            books.is_some_and(|Books { position, .. }| {
                position.is_stored(offset) || position.earlier_at(offset) > 0
            })
        };
        let mut verdict = Verdict::of(Sink::Lake.function(), &spec.consumer_group, topic);
        let stored = lake::read(sources, &spec.path, field, in_totals).await?;
        let stored = stored.of_current_topic(&verdict.group, topic);
        let held = lake::held(&stored, &verdict.group, topic, kafka.topic.ends);
        kafka.topic.learn(&held);
        let found = kafka.topic.look_up(&lake::open(&held, kafka.topic.ends)).await?;
        let letters = letters_of(letters, Sink::Lake.function(), topic);
        lake::judge(&mut verdict, &stored, kafka.topic.ends, &found, &letters);
        let reaches = lake::reaches(&stored, &verdict.group, topic, kafka.topic.ends);
        lost::judge(&mut verdict, sources, &reaches, &kafka.lags(&spec.consumer_group)).await?;
        of_lake = Some((verdict, stored));
    }
    if let Some((spec, read)) = &counted {
        let mut verdict = Verdict::of(Sink::Totals.function(), &spec.consumer_group, topic);
        let letters = letters_of(letters, Sink::Totals.function(), topic);
        let seen = judge_books(sources, &mut verdict, &read.books, kafka).await?;
        books::judge(&mut verdict, &read.books, kafka.topic.ends, &seen, &letters);
        report.mappings.push(verdict);
    }
    let Some((verdict, stored)) = of_lake else { return Ok(()) };
    if let Some((totals, read)) = counted {
        let was_reset = stored.was_reset(&verdict.group, topic)
            || read.books.values().any(|books| !books.position.earlier.is_empty());
        let lake = stored.sum.map(|sum| decimal(sum, &read.sum));
        // After a reset, it is no longer known which records of the earlier topic each sink parked or never received.
        // So the sums may differ, and a difference is not reported.
        let lake = lake.filter(|lake| !was_reset || *lake == read.sum);
        // Without an exact sum, nothing is compared: a sum of floating point numbers depends on their order.
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
    report.mappings.push(verdict);
    Ok(())
}

/// Looks up in Kafka the offsets that the ledger (`books`, by partition) does not have, and returns what Kafka says
/// about them. Adds the lost offsets of the lane to the verdict.
async fn judge_books(
    sources: &Sources,
    verdict: &mut Verdict,
    books: &BTreeMap<i32, Books>,
    kafka: &mut Kafka<'_>,
) -> anyhow::Result<Seen> {
    let reaches = books.iter().map(|(&partition, books)| (partition, Reach::of(&books.position))).collect();
    let lags = kafka.lags(&verdict.group);
    lost::judge(verdict, sources, &reaches, &lags).await?;
    Ok(books::look_up(&mut kafka.topic, books).await?)
}

/// Checks the `table` sink of a topic. If the stack has a gateway, also compares the receipts of fleets with the rows.
/// Adds the results to the report.
///
/// # Errors
/// Postgres, Kafka or a receipt cannot be read.
async fn judge_table(
    layout: &Layout,
    (stack, sources): (&Stack, &Sources),
    (pipeline, spec): (&Pipeline, &TableSpec),
    kafka: &mut Kafka<'_>,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    let client = stack.postgres().await?;
    let stored = rows::read(&client, topic, spec).await?;
    let mut verdict = Verdict::of(Sink::Table.function(), &spec.consumer_group, topic);
    let seen = judge_books(sources, &mut verdict, &stored.books, kafka).await?;
    let letters = letters_of(letters, Sink::Table.function(), topic);
    let without_row = rows::judge(&mut verdict, &stored, kafka.topic.ends, &seen, &letters);
    rows::account_for(&mut verdict, (&sources.cluster, &client), pipeline, spec, &without_row).await?;
    report.mappings.push(verdict);
    if let Ok(gateway) = stack.url("telemetry-gateway") {
        report.fleets.extend(fleet::judge(layout, gateway, &client, pipeline, spec).await?);
    }
    Ok(())
}

/// Returns a function that gives the offsets of one lane's parked records in a topic, by partition and incarnation of
/// the position.
fn letters_of<'a>(
    letters: &'a Letters,
    lane: &'a str,
    topic: &'a str,
) -> impl Fn(i32, i64) -> BTreeSet<i64> + 'a {
    move |partition, incarnation| {
        let place = (lane.to_owned(), topic.to_owned(), partition, incarnation);
        letters.get(&place).cloned().unwrap_or_default()
    }
}

/// Formats `unscaled`, a decimal number without its point, with as many fraction digits as `like` has.
fn decimal(unscaled: i128, like: &str) -> String {
    let scale = like.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    // A decimal has at most 38 digits, so the fallback is never used.
    values::decimal_text(unscaled, u8::try_from(scale).unwrap_or(u8::MAX))
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
