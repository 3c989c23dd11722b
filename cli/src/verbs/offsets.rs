//! `headwater offsets`: where each group stands in Kafka and in its sink, and an operator's resets.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, Subcommand};
use lake::{Table, reset_app_versions};
use parquet_writer::TopicSchema;
use pipeline::{Pipeline, Pipelines, Sink};
use positions::{OffsetRanges, Position};
use serde::Serialize;
use tokio::time::Instant;
use warehouse::ledger;

use super::accept_loss;
use crate::{
    failure::failure,
    out,
    reconcile::{
        cluster,
        ends::Ends,
        lake::position,
        offsets::{Offsets as OffsetsByPartition, intersection, within},
        topic::InspectedTopic,
    },
    stack::{
        lag::{self, MappingLag},
        layout::Layout,
        opened::Stack,
    },
    table,
    verbs::rewind,
};

/// How long a lake may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The most offsets per partition that are looked up in Kafka. To find out whether a hole holds records, all of them are read,
/// which would take too long for a command that only shows something.
const LOOKED_UP: i64 = 50_000;

/// Arguments of `headwater offsets`.
#[derive(Debug, Args)]
pub(crate) struct Offsets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what Kafka has, what each group committed, and where its sink stands
    #[command(after_help = "\
Examples:
  headwater offsets show
  headwater offsets show --json")]
    Show {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Begin anew in a topic that was created again, or read again what a restored table lacks
    #[command(after_help = "\
Without --rewind: for a topic that was deleted and created again. The sink refuses such a topic until then. It forgets its
position and begins anew; what it stored before stays stored, and records parked before stay parked, since they belong to
the earlier topic. Never do this to a topic that was not created again: records that Kafka delivers again are then
stored twice.

With --rewind: for a table or database that was restored to an older state. The sink keeps what it holds; the consumer
group is set back to the first record that the sink lacks, so that each missing record is stored once. A lake table is
compared row by row; a database is restored together with its positions. The bridge is stopped meanwhile; in an account the
event source mapping is switched off, which takes some minutes.

Examples:
  headwater offsets reset --group coldstorage --topic rooms-v1
  headwater offsets reset --group reckoning --topic rooms-v1
  headwater offsets reset --rewind --group coldstorage --topic rooms-v1")]
    Reset {
        /// Read again what the sink lacks, instead of forgetting what it holds
        #[arg(long)]
        rewind: bool,
        /// The consumer group
        #[arg(long)]
        group: String,
        /// The topic
        #[arg(long)]
        topic: String,
    },
    /// Give up what Kafka deleted before a group read it
    #[command(after_help = "\
`headwater status` and `headwater verify` name such offsets until this is done. The bridge is stopped for a moment; in an account
the event source mapping is switched off, which takes some minutes.

Examples:
  headwater offsets accept-loss --group coldstorage --topic rooms-v1")]
    AcceptLoss {
        /// The consumer group
        #[arg(long)]
        group: String,
        /// The topic
        #[arg(long)]
        topic: String,
    },
}

/// One partition of one mapping.
#[derive(Debug, Serialize)]
struct Line {
    group: String,
    topic: String,
    partition: i32,
    /// Kafka's first and next offset.
    beginning: i64,
    end: i64,
    /// The group's committed offset in Kafka.
    committed: Option<i64>,
    /// The sink's next offset, and what is open below it.
    stored: i64,
    holes: Vec<[i64; 2]>,
    /// The holes in which Kafka has no record: transaction markers, aborted or compacted records.
    empty_holes: Vec<[i64; 2]>,
    /// Offsets of forgotten holes: a record in between may be stored or not.
    uncertain: Option<[i64; 2]>,
    /// How often the sink's position was reset.
    incarnation: i64,
    /// The topic was found to be another one: nothing of it is stored until a reset.
    recreated: bool,
}

/// Runs the action.
pub(crate) async fn run(layout: &Layout, args: &Offsets) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let pipelines = stack.pipelines()?;
    match &args.action {
        Action::Show { json } => show(&stack, &pipelines, *json).await,
        Action::AcceptLoss { group, topic } => accept_loss::run(layout, &stack, group, topic).await,
        Action::Reset { rewind: true, group, topic } => {
            rewind::run(layout, &stack, &pipelines, group, topic).await
        }
        Action::Reset { rewind: false, group, topic } => reset(&stack, &pipelines, group, topic).await,
    }
}

async fn show(stack: &Stack, pipelines: &Pipelines, json: bool) -> anyhow::Result<()> {
    let reader = lag::reader(stack).await?;
    let mut lines = Vec::new();
    for lag in lag::all(&reader, stack.outputs()).await? {
        let mapping = lag.mapping;
        let mut sink = BTreeMap::new();
        if let Some(pipeline) = pipelines.of_topic(&mapping.topic) {
            let partitions: Vec<i32> = lag.partitions.iter().map(|partition| partition.partition).collect();
            sink = sink_positions(stack, pipeline, &mapping.consumer_group, &partitions).await?;
        }
        let mut empty = empty_holes(stack, &lag, &sink).await?;
        for partition in &lag.partitions {
            let position = sink.remove(&partition.partition).unwrap_or_default();
            lines.push(Line {
                group: mapping.consumer_group.clone(),
                topic: mapping.topic.clone(),
                partition: partition.partition,
                beginning: partition.beginning,
                end: partition.end,
                committed: partition.committed,
                stored: position.next,
                holes: position.holes.iter().map(|hole| [hole.start, hole.end]).collect(),
                empty_holes: empty.remove(&partition.partition).unwrap_or_default(),
                uncertain: (!position.uncertain.is_empty())
                    .then_some([position.uncertain.start, position.uncertain.end]),
                incarnation: position.incarnation,
                recreated: position.recreated.is_some(),
            });
        }
    }
    if json {
        return lines.iter().try_for_each(out::json);
    }
    let rows = lines.iter().map(|line| {
        let range = |[start, end]: &[i64; 2]| format!("{start}-{}", end - 1);
        let open = line.holes.iter().filter(|hole| !line.empty_holes.contains(hole));
        let mut holes: Vec<String> = open.map(range).collect();
        holes.extend(line.empty_holes.iter().map(|hole| format!("no records: {}", range(hole))));
        holes.extend(line.uncertain.iter().map(|uncertain| format!("uncertain: {}", range(uncertain))));
        holes.extend(line.recreated.then(|| "the topic was created again".to_owned()));
        vec![
            line.group.clone(),
            format!("{}-{}", line.topic, line.partition),
            line.beginning.to_string(),
            line.end.to_string(),
            line.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
            line.stored.to_string(),
            if holes.is_empty() { "-".to_owned() } else { holes.join(" ") },
        ]
    });
    out::line(table::render(
        &["group", "partition", "beginning", "end", "committed", "sink", "open below"],
        rows,
    ));
    Ok(())
}

/// The holes of a group's positions in which Kafka has no record, by partition.
async fn empty_holes(
    stack: &Stack,
    lag: &MappingLag<'_>,
    sink: &BTreeMap<i32, Position>,
) -> anyhow::Result<BTreeMap<i32, Vec<[i64; 2]>>> {
    let ends: Ends = lag
        .partitions
        .iter()
        .map(|lag| (lag.partition, (lag.beginning, lag.end.max(lag.beginning))))
        .collect();
    let of = |(number, position): (&i32, &Position)| {
        let ends = ends.get(number).copied()?;
        Some((*number, to_look_up(&position.holes, ends)))
    };
    let holes: OffsetsByPartition = sink.iter().filter_map(of).collect();
    let found = InspectedTopic::new(&lag.mapping.topic, &ends, cluster(stack)?).look_up(&holes).await?;
    let empty = |(number, holes): (i32, OffsetRanges)| {
        let known = found.get(&number).cloned().unwrap_or_default();
        let rest = holes.difference(&known.records).difference(&known.gone);
        let empty = holes.iter().filter(|hole| rest.iter().any(|range| range == *hole));
        (number, empty.map(|hole| [hole.start, hole.end]).collect())
    };
    Ok(holes.into_iter().map(empty).collect())
}

/// The part of `holes` that Kafka still has, without holes that would exceed [`LOOKED_UP`].
fn to_look_up(holes: &OffsetRanges, kept: (i64, i64)) -> OffsetRanges {
    let mut few = OffsetRanges::default();
    for hole in intersection(holes, &within(kept)).iter() {
        if few.count() + (hole.end - hole.start) <= LOOKED_UP {
            few.insert(hole.clone());
        }
    }
    few
}

pub(crate) async fn sink_positions(
    stack: &Stack,
    pipeline: &Pipeline,
    group: &str,
    partitions: &[i32],
) -> anyhow::Result<BTreeMap<i32, Position>> {
    let topic = pipeline.topic.name.as_str();
    if in_postgres(pipeline, group) {
        let client = stack.postgres().await?;
        let all = ledger::show(&client, Some(topic)).await?;
        let ours = all.into_iter().filter(|(of, _)| of == group);
        return Ok(ours.map(|(_, entry)| (entry.partition, entry.position)).collect());
    }
    let Some(mut table) = lake_table(stack, pipeline, group).await? else { return Ok(BTreeMap::new()) };
    let apps = table.app_versions(Instant::now() + PATIENCE).await?;
    Ok(partitions.iter().map(|&partition| (partition, position(apps, group, topic, partition))).collect())
}

/// Whether the group's positions are in Postgres, beside its rows.
pub(crate) fn in_postgres(pipeline: &Pipeline, group: &str) -> bool {
    [Sink::Totals, Sink::Table].into_iter().any(|sink| pipeline.consumer_group(sink) == Some(group))
}

/// The lake's table that a group writes, if it writes one.
pub(crate) async fn lake_table(
    stack: &Stack,
    pipeline: &Pipeline,
    group: &str,
) -> anyhow::Result<Option<Table>> {
    let Some(spec) = pipeline.lake.as_ref().filter(|lake| lake.consumer_group == group) else {
        return Ok(None);
    };
    let schema = TopicSchema::new(pipeline, spec)?.table().clone();
    let client = stack.objects();
    Ok(Some(Table::new(client, stack.lake()?.join(&spec.path), schema)))
}

async fn reset(stack: &Stack, pipelines: &Pipelines, group: &str, topic: &str) -> anyhow::Result<()> {
    let nothing = || unknown(group, topic);
    let pipeline = pipelines.of_topic(topic).ok_or_else(nothing)?;
    if in_postgres(pipeline, group) {
        let client = stack.postgres().await?;
        let partitions =
            ledger::reset(&client, group, topic).await.map_err(|error| may_write(stack, error.into()))?;
        out::line(format!("{group} begins anew in {topic}: {partitions} partitions forgotten in Postgres"));
        return Ok(());
    }
    let mut table = lake_table(stack, pipeline, group).await?.ok_or_else(nothing)?;
    let deadline = Instant::now() + PATIENCE;
    let apps = table.app_versions(deadline).await?;
    let (partitions, versions) = reset_app_versions(group, topic, apps.as_map());
    if versions.is_empty() {
        return Err(nothing());
    }
    table.set_app_versions(versions, deadline).await?;
    out::line(format!(
        "{group} begins anew in {topic}: {} partitions forgotten in the lake",
        partitions.len()
    ));
    Ok(())
}

/// The user of a stack file only reads.
fn may_write(stack: &Stack, error: anyhow::Error) -> anyhow::Error {
    if stack.local().is_some() {
        return error;
    }
    failure(
        format!("{error:#}"),
        "this writes to the database, and the user of the stack file may only read: export HEADWATER_DATABASE_URL with one who may write",
    )
}

/// No sink keeps a position of this group in this topic.
pub(crate) fn unknown(group: &str, topic: &str) -> anyhow::Error {
    failure(
        format!("group {group} keeps no position in topic {topic}"),
        "`headwater offsets show` lists groups and topics",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_kafka_keeps_of_a_hole_is_looked_up_and_only_while_it_is_little() {
        let holes: OffsetRanges = [3..5, 100..1 << 40, (1 << 40) + 1..(1 << 40) + 3].into_iter().collect();
        let look = |kept| to_look_up(&holes, kept).iter().cloned().collect::<Vec<_>>();
        assert_eq!(look((4, 200)), [4..5, 100..200]);
        // Kafka keeps all of it, which would take hours to read.
        assert_eq!(look((0, i64::MAX)), [3..5, (1 << 40) + 1..(1 << 40) + 3]);
    }
}
