//! The dead letters, by lane, topic and partition.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context as _;
use dead_letters::{DeadLetters, ParkedObject, Source};
use tokio::time::Instant;

use crate::stack::opened::Stack;

/// How long reading all of them may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Lane, topic, partition, and the incarnation of the position.
pub(crate) type Place = (String, String, i32, i64);

/// Offsets that have a dead letter.
pub(crate) type Letters = BTreeMap<Place, BTreeSet<i64>>;

/// The dead letters of a stack.
pub(crate) async fn open(stack: &Stack) -> anyhow::Result<DeadLetters> {
    let root = &stack.outputs().parked_root;
    let location = root.parse().with_context(|| format!("{root} is not an address on S3"))?;
    Ok(DeadLetters::new(stack.objects(), location))
}

/// All objects of them.
pub(crate) async fn objects(letters: &DeadLetters, lane: Option<&str>) -> anyhow::Result<Vec<ParkedObject>> {
    letters.objects(lane, Instant::now() + PATIENCE).await.context("cannot read the parked records")
}

/// The offsets that have a dead letter.
pub(crate) fn offsets(objects: &[ParkedObject]) -> Letters {
    let mut offsets = Letters::new();
    for record in objects.iter().flat_map(|object| &object.records).flatten() {
        if let Source::Kafka { topic, partition, offset } = &record.source {
            let place = (record.lane.clone(), topic.clone(), *partition, record.incarnation);
            offsets.entry(place).or_default().insert(*offset);
        }
    }
    offsets
}
