//! `headwater offsets accept-loss`: an operator gives up records that Kafka deleted before a group read them.
//!
//! The local bridge writes the lost ranges into the metadata of the group's commits. This command commits the same
//! offsets again without metadata. Where Kafka has deleted even the committed offset, it commits the oldest offset that
//! Kafka has. The group then begins at the new commit, and records below it are no longer expected.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use event_source::Mapping;
use kafka::LagReader;
use tokio::time::Instant;

use crate::{
    failure::failure,
    out,
    stack::{
        lag::{self, OffsetRange},
        layout::Layout,
        mappings::Paused,
        opened::Stack,
    },
};

/// Note for a mapping that was not running before the command. Such a mapping is not started at the end either.
pub(super) const NOBODY_READS: &str =
    "no consumer reads for this group now: run `headwater up`, or enable the event source mapping by hand";

/// How long to wait until the stopped bridge has left the group, and then until the new one has joined it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Accepts all losses of one group in one topic, and prints the ranges. The mapping is paused meanwhile, because Kafka
/// accepts offsets from outside a group only while the group has no member.
///
/// # Errors
/// - No mapping of the group reads the topic, or the group lost nothing.
/// - Kafka cannot be reached or refuses the commit. The mapping is resumed all the same.
/// - The mapping cannot be paused or resumed.
/// - On the local stack, the restarted bridge does not join the group within [`PATIENCE`].
pub(crate) async fn run(layout: &Layout, stack: &Stack, group: &str, topic: &str) -> anyhow::Result<()> {
    let mappings = &stack.outputs().event_source_mappings;
    let ours = mappings.iter().find(|mapping| mapping.consumer_group == group && mapping.topic == topic);
    let mapping = ours.ok_or_else(|| {
        failure(format!("no mapping of group {group} reads {topic}"), "`headwater status` lists the mappings")
    })?;
    let reader = lag::reader(stack).await?;
    let lags = lag::of(&reader, mapping).await?;
    let lost: Vec<OffsetRange> =
        lags.iter().flat_map(|lag| OffsetRange::all(lag.partition, &lag.lost)).collect();
    if lost.is_empty() {
        return Err(failure(
            format!("{group} lost nothing of {topic}"),
            "`headwater status` lists lost records",
        ));
    }
    let paused = Paused::begin(layout, stack, mapping).await?;
    let runs = paused.ran;
    // The offsets are read again, because the group may have committed before the pause.
    let commits = lag::of(&reader, mapping).await?;
    let commits = commits
        .iter()
        .filter(|lag| !lag.lost.is_empty())
        .filter_map(|lag| Some((lag.partition, lag.committed?.max(lag.beginning))));
    let committed = commit(&reader, group, topic, &commits.collect()).await;
    paused.end().await?;
    committed?;
    for range in lost {
        out::line(format!("group {group} no longer expects {topic} {range}"));
    }
    // Only the local bridge commits the offset at which a group begins. Lambda does not.
    if runs && stack.local().is_some() {
        return begun(&reader, mapping).await;
    }
    if !runs {
        out::note(NOBODY_READS);
    }
    Ok(())
}

/// Waits until the bridge has committed the offset at which the group begins, in every partition. Without that offset,
/// `verify` counts every hole that Kafka has deleted as lost.
///
/// # Errors
/// The bridge has not done so within [`PATIENCE`], or Kafka cannot be reached.
async fn begun(reader: &LagReader, mapping: &Mapping) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while lag::of(reader, mapping).await?.iter().any(|lag| lag.start.is_none()) {
        if Instant::now() > deadline {
            return Err(failure(
                format!(
                    "the bridge has not joined group {} after {} s",
                    mapping.consumer_group,
                    PATIENCE.as_secs()
                ),
                "see `headwater status`",
            ));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Commits `commits` (offsets by partition) for the group. Repeats a failed attempt every 500 ms until [`PATIENCE`] is
/// over, and then returns its error.
async fn commit(
    reader: &LagReader,
    group: &str,
    topic: &str,
    commits: &BTreeMap<i32, i64>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match reader.set(group, topic, commits, deadline).await {
            // The group may still have the member that was stopped just now.
            Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(500)).await,
            set => return set.context("cannot commit the offsets, so the loss is not accepted"),
        }
    }
}
