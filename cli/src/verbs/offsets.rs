//! `headwater offsets`: shows the offsets of each consumer group in Kafka and in its sink, and resets them on request.
//!
//! The sink's position decides which records are stored. The offsets that a group commits to Kafka only decide which
//! records are delivered.

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

/// Time limit for reading or writing the positions of one Delta table, and for setting a group's offsets in Kafka.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Maximum number of offsets per partition that `show` looks up in Kafka. To find out whether a hole has records, Kafka
/// must be read, and more would take too long for a command that only shows something.
const LOOKED_UP: i64 = 50_000;

/// Arguments of `headwater offsets`.
#[derive(Debug, Args)]
pub(crate) struct Offsets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the offsets of each partition in Kafka, the group's committed offset, and the sink's position
    #[command(after_help = "\
Use it to see how far a sink is, and which records it lacks. The column sink is the watermark: the next offset of the
sink. The column open below lists the holes: offsets below the watermark that were never delivered. A hole without
records (transaction markers, aborted or compacted records) is marked; the sink lacks nothing there.

Examples:
  headwater offsets show
  headwater offsets show --json")]
    Show {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Restart a group after its topic was created again, or reread records that a restored sink lacks
    #[command(after_help = "\
Without --rewind: for a topic that was deleted and created again. The sink refuses the new topic until you reset its
position. Rows that are stored stay stored. Records parked before the reset stay parked, because they belong to the
earlier topic. Do not reset a topic that was not created again: records that Kafka delivers again are then stored twice.

With --rewind: for a table or database that was restored to an older state. The sink keeps its rows. The consumer group
is set back to the first record that the sink lacks, and each missing record is stored once. A lake table is compared
row by row; a database is restored together with its positions. Meanwhile the bridge is stopped, or in an AWS account
the event source mapping is disabled, which takes some minutes.

Examples:
  headwater offsets reset --group coldstorage --topic rooms-v1
  headwater offsets reset --group reckoning --topic rooms-v1
  headwater offsets reset --rewind --group coldstorage --topic rooms-v1")]
    Reset {
        /// Set the group back to the first missing record, and keep the sink's position
        #[arg(long)]
        rewind: bool,
        /// Consumer group of the sink
        #[arg(long)]
        group: String,
        /// Topic that the group reads
        #[arg(long)]
        topic: String,
    },
    /// Give up records that Kafka deleted before a group read them
    #[command(after_help = "\
Use it if the source cannot send the records again. `headwater status` and `headwater verify` report the lost offsets
until you accept the loss. The bridge is stopped for a moment, or in an AWS account the event source mapping is
disabled, which takes some minutes.

Examples:
  headwater offsets accept-loss --group coldstorage --topic rooms-v1")]
    AcceptLoss {
        /// Consumer group that lost the records
        #[arg(long)]
        group: String,
        /// Topic that the group reads
        #[arg(long)]
        topic: String,
    },
}

/// One partition of one mapping, as `show --json` prints it. Ranges are `[start, end]`, where `end` is one past the
/// last offset.
#[derive(Debug, Serialize)]
struct Line {
    group: String,
    topic: String,
    partition: i32,
    /// Kafka's oldest offset.
    beginning: i64,
    /// Kafka's last stable offset: consumers read up to here, exclusive.
    end: i64,
    /// The group's committed offset in Kafka. `None` if it has committed none.
    committed: Option<i64>,
    /// The sink's watermark, which is its next offset. 0 if the sink has no position.
    stored: i64,
    /// Offsets below the watermark that were never delivered.
    holes: Vec<[i64; 2]>,
    /// Those holes in which Kafka has no record: transaction markers, aborted or compacted records.
    empty_holes: Vec<[i64; 2]>,
    /// Range of the holes that were dropped from the position. It is not known which of its records are stored.
    uncertain: Option<[i64; 2]>,
    /// How often the sink's position was reset.
    incarnation: i64,
    /// Whether the sink has noticed that the topic was created again. It then stores no record until a reset.
    recreated: bool,
}

/// Shows or changes offsets, as the action says.
///
/// # Errors
/// Kafka or a sink cannot be reached, no sink has a position for the group and topic, or the action is refused (see
/// [`accept_loss`] and [`rewind`]).
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

/// Prints one line per partition of every mapping. The positions of topics without a pipeline file are shown as 0.
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

/// Returns those holes of a group's positions in which Kafka has no record, by partition. Reads Kafka, but at most
/// [`LOOKED_UP`] offsets per partition; other holes are not returned.
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

/// Returns the parts of `holes` that Kafka has not deleted. Skips a hole that would bring their number of offsets above
/// [`LOOKED_UP`]. `kept` is the first and the end offset of the partition in Kafka.
fn to_look_up(holes: &OffsetRanges, kept: (i64, i64)) -> OffsetRanges {
    let mut few = OffsetRanges::default();
    for hole in intersection(holes, &within(kept)).iter() {
        if few.count() + (hole.end - hole.start) <= LOOKED_UP {
            few.insert(hole.clone());
        }
    }
    few
}

/// Reads the positions of a group from its sink: from Postgres (`kafka_offsets`) or from the log of its Delta table.
/// Empty if the sink has none. A Delta table yields a position for each of `partitions`, if necessary the default one.
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

/// Whether the group's sink is in Postgres (`totals` or `table` in the pipeline file). Its positions are there too.
pub(crate) fn in_postgres(pipeline: &Pipeline, group: &str) -> bool {
    [Sink::Totals, Sink::Table].into_iter().any(|sink| pipeline.consumer_group(sink) == Some(group))
}

/// Opens the Delta table that a group writes. `None` if the pipeline file has no `lake` section with this group.
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

/// Resets a group's position in all partitions of a topic: in one transaction in Postgres, or in one commit of the
/// Delta table. The watermark becomes 0 and the incarnation grows by 1.
///
/// # Errors
/// - No sink has this group and topic, or its Delta table has no position. In Postgres a missing position is not an
///   error: 0 partitions are reset.
/// - The sink cannot be read or written.
async fn reset(stack: &Stack, pipelines: &Pipelines, group: &str, topic: &str) -> anyhow::Result<()> {
    let nothing = || unknown(group, topic);
    let pipeline = pipelines.of_topic(topic).ok_or_else(nothing)?;
    if in_postgres(pipeline, group) {
        let client = stack.postgres().await?;
        let partitions =
            ledger::reset(&client, group, topic).await.map_err(|error| may_write(stack, error.into()))?;
        out::line(format!("{group} starts again in {topic}: {partitions} partitions were reset in Postgres"));
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
        "{group} starts again in {topic}: {} partitions were reset in the lake",
        partitions.len()
    ));
    Ok(())
}

/// Adds a fix to a failed write to Postgres. In an AWS account the cause is usually that the user of the stack file has
/// only read permissions.
fn may_write(stack: &Stack, error: anyhow::Error) -> anyhow::Error {
    if stack.local().is_some() {
        return error;
    }
    failure(
        format!("{error:#}"),
        "the user of the stack file may only read: set HEADWATER_DATABASE_URL to a URL with a user who may write",
    )
}

/// The error for a group that is not the group of a sink of this topic, or whose sink has no position yet.
pub(crate) fn unknown(group: &str, topic: &str) -> anyhow::Error {
    failure(
        format!("no sink has a position of group {group} in topic {topic}"),
        "`headwater offsets show` lists groups and topics",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_looked_up_within_what_kafka_has_and_up_to_a_limit() {
        let holes: OffsetRanges = [3..5, 100..1 << 40, (1 << 40) + 1..(1 << 40) + 3].into_iter().collect();
        let look = |kept| to_look_up(&holes, kept).iter().cloned().collect::<Vec<_>>();
        assert_eq!(look((4, 200)), [4..5, 100..200]);
        // Kafka has the whole second hole. Reading it would take hours, so it is skipped.
        assert_eq!(look((0, i64::MAX)), [3..5, (1 << 40) + 1..(1 << 40) + 3]);
    }
}
