//! `headwater offsets reset --rewind`: sets a consumer group back to the first record that its sink lacks, after the
//! sink was restored to an older state.
//!
//! A database is restored together with its positions. A Delta table is not: `RESTORE` removes data files but keeps the
//! app transactions, which hold the positions. So the positions of a table are first computed again from its rows.

use std::collections::BTreeMap;

use ::lake::{app_id, changed_app_versions};
use anyhow::Context as _;
use event_source::Mapping;
use kafka::Ends;
use pipeline::{Pipeline, Pipelines};
use positions::{MAX_HOLES, OffsetRanges, Position};
use tokio::time::Instant;

use crate::{
    failure::failure,
    out,
    reconcile::{
        cluster, ends, lake,
        offsets::{intersection, within},
        records, sources,
    },
    stack::{lag, layout::Layout, mappings::Paused, opened::Stack},
    verbs::{
        accept_loss::NOBODY_READS,
        offsets::{PATIENCE, in_postgres, lake_table, sink_positions, unknown},
    },
};

/// Pauses the mapping of the group, sets the group's offsets back, resumes the mapping, and prints the new offsets. The
/// mapping is resumed even if the offsets cannot be set.
///
/// # Errors
/// - No pipeline or no mapping has this group and topic.
/// - The topic was deleted and created again, or the rows of the table leave too many holes.
/// - The mapping cannot be paused or resumed, or Kafka or the sink cannot be reached.
pub(crate) async fn run(
    layout: &Layout,
    stack: &Stack,
    pipelines: &Pipelines,
    group: &str,
    topic: &str,
) -> anyhow::Result<()> {
    let pipeline = pipelines.of_topic(topic).ok_or_else(|| unknown(group, topic))?;
    let mappings = &stack.outputs().event_source_mappings;
    let mapping = mappings.iter().find(|of| of.consumer_group == group && of.topic == topic);
    let mapping = mapping.ok_or_else(|| unknown(group, topic))?;
    let paused = Paused::begin(layout, stack, mapping).await?;
    let ran = paused.ran;
    let rewound = rewind(stack, pipeline, mapping).await;
    paused.end().await?;
    let offsets = rewound?;
    let offsets: Vec<String> =
        offsets.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    out::line(format!("{group} reads {topic} again, from (partition:offset) {}", offsets.join(" ")));
    if !ran {
        out::note(NOBODY_READS);
    }
    Ok(())
}

/// Sets the committed offset of every partition to the first one that the sink lacks. Returns these offsets by
/// partition. The group must have no member: Kafka refuses the offsets otherwise.
async fn rewind(stack: &Stack, pipeline: &Pipeline, mapping: &Mapping) -> anyhow::Result<BTreeMap<i32, i64>> {
    let reader = lag::reader(stack).await?;
    let ends = ends::of(&reader, mapping).await?;
    let (group, topic) = (mapping.consumer_group.as_str(), mapping.topic.as_str());
    let positions = if in_postgres(pipeline, group) {
        let partitions: Vec<i32> = ends.keys().copied().collect();
        sink_positions(stack, pipeline, group, &partitions).await?
    } else {
        compared_with_rows(stack, pipeline, mapping, &ends).await?
    };
    let mut offsets = BTreeMap::new();
    for (&partition, &(beginning, end)) in &ends {
        let position = positions.get(&partition).cloned().unwrap_or_default();
        same_topic(&position, mapping, partition, end)?;
        offsets.insert(partition, first_missing(&position, beginning));
    }
    reader.set(group, topic, &offsets, Instant::now() + PATIENCE).await.context("cannot set the offsets")?;
    Ok(offsets)
}

/// Fails if the sink holds records of an earlier topic of this name: the sink has noticed it, or the sink's watermark
/// is beyond `end`, the end of the partition in Kafka.
fn same_topic(position: &Position, mapping: &Mapping, partition: i32, end: i64) -> anyhow::Result<()> {
    let reason = match position.recreated {
        Some(offset) => {
            format!("the record at offset {offset} of partition {partition} differs from the stored record")
        }
        None if position.next > end => {
            let last = position.next - 1;
            format!("the sink holds offset {last} of partition {partition}, but Kafka ends at {end}")
        }
        None => return Ok(()),
    };
    let (group, topic) = (&mapping.consumer_group, &mapping.topic);
    let way_out = format!("run `headwater offsets reset --group {group} --topic {topic}`, without --rewind");
    Err(failure(reason, format!("the topic was created again: {way_out}")))
}

/// The first offset that the sink lacks and that Kafka has not deleted. `beginning` is Kafka's oldest offset. If the
/// sink lacks nothing, this is its watermark.
fn first_missing(position: &Position, beginning: i64) -> i64 {
    let hole = position.holes.iter().find(|hole| hole.end > beginning);
    hole.map_or(position.next, |hole| hole.start).max(beginning)
}

/// Computes the positions of a table from its rows, writes those that differ in one commit of app transactions, and
/// returns them by partition.
///
/// # Errors
/// - The topic was deleted and created again.
/// - The table also holds rows of an earlier topic at offsets that Kafka has, so it is unknown which rows are missing.
/// - A partition has more than [`MAX_HOLES`] holes that contain records.
/// - The table or Kafka cannot be read, or the commit fails.
async fn compared_with_rows(
    stack: &Stack,
    pipeline: &Pipeline,
    mapping: &Mapping,
    ends: &Ends,
) -> anyhow::Result<BTreeMap<i32, Position>> {
    let (group, topic) = (mapping.consumer_group.as_str(), mapping.topic.as_str());
    let spec = pipeline.lake.as_ref().filter(|lake| lake.consumer_group == group);
    let spec = spec.ok_or_else(|| unknown(group, topic))?;
    let stored = lake::read(&sources(stack)?, &spec.path, None, |_, _| true).await?;
    let (mut positions, mut versions) = (BTreeMap::new(), Vec::new());
    for (&partition, &(beginning, end)) in ends {
        let before = lake::position(&stored.apps, group, topic, partition);
        same_topic(&before, mapping, partition, end)?;
        if before.earlier_at(beginning) > 0 {
            return Err(failure(
                format!("the table holds rows of an earlier topic at the offsets of partition {partition}"),
                "the missing rows cannot be found; to read the whole topic into a new table, set another lake path \
                 and another group in the pipeline file",
            ));
        }
        let rows = stored.offsets.get(&partition).into_iter().flatten().copied().collect();
        let mut after = with_rows(&before, &rows);
        if after.holes.len() > MAX_HOLES {
            after.holes = in_kafka(stack, topic, partition, &after.holes, (beginning, end)).await?;
        }
        if after.holes.len() > MAX_HOLES {
            return Err(failure(
                format!(
                    "partition {partition} of the table lacks records in {} ranges of offsets (limit {MAX_HOLES})",
                    after.holes.len()
                ),
                "restore the table to one of its versions, or begin a new table under another path",
            ));
        }
        let id = app_id(group, topic, partition);
        versions.extend(changed_app_versions(&id, &before, &after, stored.apps.as_map()));
        positions.insert(partition, after);
    }
    if !versions.is_empty() {
        let table = lake_table(stack, pipeline, group).await?;
        let mut table = table.ok_or_else(|| unknown(group, topic))?;
        table.set_app_versions(versions, Instant::now() + PATIENCE).await?;
    }
    Ok(positions)
}

/// The position of a table that holds `rows` (offsets of one partition). Its watermark is one past the last row or
/// parked record. Every offset below that is neither a row nor parked becomes a hole. The uncertain range is dropped,
/// and the rest is taken from `before`.
fn with_rows(before: &Position, rows: &OffsetRanges) -> Position {
    let known: OffsetRanges = rows.iter().chain(before.parked.iter()).cloned().collect();
    let next = known.iter().next_back().map_or(0, |last| last.end);
    let all: OffsetRanges = std::iter::once(0..next).collect();
    Position { next, holes: all.difference(&known), uncertain: 0..0, ..before.clone() }
}

/// Returns those offsets in `holes` at which Kafka has a record. The other offsets are transaction markers or aborted
/// records, or were deleted or compacted away. `kept` is the first and the end offset of the partition in Kafka.
async fn in_kafka(
    stack: &Stack,
    topic: &str,
    partition: i32,
    holes: &OffsetRanges,
    kept: (i64, i64),
) -> anyhow::Result<OffsetRanges> {
    let wanted = intersection(holes, &within(kept));
    let mut reader = records::Reader::open(&cluster(stack)?, topic, &[(partition, wanted)].into()).await?;
    let mut found = OffsetRanges::default();
    while let Some(records) = reader.next().await? {
        for record in records {
            found.insert_one(record.offset);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(i64, i64)]) -> OffsetRanges {
        of.iter().map(|(start, end)| *start..*end).collect()
    }

    #[test]
    fn a_table_that_was_restored_lacks_its_tail_and_the_gaps_between_its_rows() {
        let before =
            Position { next: 1_000, parked: ranges(&[(40, 41)]), incarnation: 2, ..Position::default() };
        let after = with_rows(&before, &ranges(&[(0, 40), (45, 500)]));
        assert_eq!((after.next, &after.holes, after.incarnation), (500, &ranges(&[(41, 45)]), 2));
        assert_eq!(after.parked, before.parked);
        assert_eq!(first_missing(&after, 0), 41);
        assert_eq!(first_missing(&after, 43), 43, "retention deleted the first of the missing records");
        assert_eq!(first_missing(&after, 45), 500);
    }

    #[test]
    fn an_empty_table_lacks_everything() {
        let after = with_rows(&Position { next: 7, ..Position::default() }, &OffsetRanges::default());
        assert_eq!((after.next, first_missing(&after, 3)), (0, 3));
    }
}
