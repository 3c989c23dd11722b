//! `headwater verify`: produced = stored + parked in every lane, nothing twice, and the sinks of a topic agree.

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
Looks at every record that Kafka held when this began, at every row of every listed media file and inbox object, and at every hour of every raw forecast. Exits with an error, and names the offsets, where it does not hold.

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

/// Compares what Kafka took with what the sinks have.
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
            verdict.problems.push("the topic was created again meanwhile".to_owned());
        } else if !ends::reached(&reader, mapping, then).await? {
            // The sink's offsets may look right all the same: those of a topic that was deleted and created again do.
            verdict.problems.push("not all records are acknowledged: `headwater status` says why".to_owned());
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
            "look whether the source can send them again; `headwater offsets accept-loss --group GROUP --topic TOPIC` says \
             that they are given up",
        ));
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

/// What Kafka says of a topic and of the groups that read it.
struct Kafka<'a> {
    topic: InspectedTopic<'a>,
    lags: &'a [MappingLag<'a>],
}

impl Kafka<'_> {
    /// A group's place in each partition, as of the moment when the topic was looked at.
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

async fn judge(
    (stack, sources): (&Stack, &Sources),
    pipeline: &Pipeline,
    kafka: &mut Kafka<'_>,
    letters: &Letters,
    report: &mut Report,
) -> anyhow::Result<()> {
    let topic = &pipeline.topic.name;
    // The totals first: whatever they count by now, the lake can be asked for exactly that.
    let mut counted = None;
    if let Some(spec) = &pipeline.totals {
        let client = stack.postgres().await?;
        let read = totals::read(&client, topic, spec).await?;
        counted = Some((spec, read));
    }
    // The lake is judged first: its rows say which offsets hold, or held, a record.
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
        // Of an earlier topic it is not known any more what either sink parked or was not given.
        let lake = lake.filter(|lake| !was_reset || *lake == read.sum);
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
    report.mappings.push(verdict);
    Ok(())
}

/// Looks the books' offsets up in Kafka, and adds what the lane lost.
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

/// The offsets of one lane's dead letters in a topic, by partition and incarnation of the position.
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

/// An unscaled number with as many digits behind the point as `like` has.
fn decimal(unscaled: i128, like: &str) -> String {
    let scale = like.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    // A decimal has 38 digits at the most.
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
