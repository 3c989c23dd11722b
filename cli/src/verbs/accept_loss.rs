//! `headwater offsets accept-loss`: an operator gives up what Kafka deleted before a group read it.
//!
//! The commits of the group say what was lost. They are replaced by plain ones at the same place, so that the group
//! begins there: what lies below is expected no more.

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

/// What to say where nobody read for the group before.
pub(super) const NOBODY_READS: &str = "nobody reads for this group: `headwater up` starts the bridge; an event source mapping is switched on by hand";

/// How long the group may take to be left, and to be joined again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Accepts the losses of one group in one topic.
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
            "`headwater status` says what was lost",
        ));
    }
    let paused = Paused::begin(layout, stack, mapping).await?;
    let runs = paused.ran;
    // Asked again: it may have moved meanwhile.
    let commits = lag::of(&reader, mapping).await?;
    let commits = commits
        .iter()
        .filter(|lag| !lag.lost.is_empty())
        .filter_map(|lag| Some((lag.partition, lag.committed?.max(lag.beginning))));
    let committed = commit(&reader, group, topic, &commits.collect()).await;
    paused.end().await?;
    committed?;
    for range in lost {
        out::line(format!("{group} gives up {topic} {range}"));
    }
    // The commits of Lambda do not say where a group begins.
    if runs && stack.local().is_some() {
        return begun(&reader, mapping).await;
    }
    if !runs {
        out::note(NOBODY_READS);
    }
    Ok(())
}

/// Waits until the bridge has committed where the group begins now: before that `verify` knows nothing of it.
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

async fn commit(
    reader: &LagReader,
    group: &str,
    topic: &str,
    commits: &BTreeMap<i32, i64>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match reader.set(group, topic, commits, deadline).await {
            // A member that was stopped just now may not be gone yet.
            Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(500)).await,
            set => return set.context("nothing was accepted"),
        }
    }
}
