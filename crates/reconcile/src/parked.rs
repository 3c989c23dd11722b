//! The offsets with a dead letter, by lane, topic and partition.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dead_letters::{DeadLetters, ParkedObject, Source};
use tokio::time::Instant;

use crate::{ReconcileError, Sources};

/// The time limit for reading all dead letters.
const PATIENCE: Duration = Duration::from_mins(2);

/// Lane, topic, partition, and incarnation of the position.
pub type LetterPosition = (String, String, i32, i64);

/// The offsets that have a dead letter.
pub type Letters = BTreeMap<LetterPosition, BTreeSet<i64>>;

/// Opens the dead letters of all lanes.
#[must_use]
pub fn open(sources: &Sources) -> DeadLetters {
    DeadLetters::new(sources.objects.clone(), sources.parked_root.clone())
}

/// Reads all objects with dead letters, or only those of `lane`. All of them are held in memory.
///
/// # Errors
/// [`ReconcileError::Store`] if S3 refuses a request, or if the objects cannot be read within 2 minutes.
pub async fn objects(letters: &DeadLetters, lane: Option<&str>) -> Result<Vec<ParkedObject>, ReconcileError> {
    Ok(letters.objects(lane, Instant::now() + PATIENCE).await?)
}

/// Returns the Kafka offsets that have a dead letter. Lines that are not parked records are skipped.
#[must_use]
pub fn offsets(objects: &[ParkedObject]) -> Letters {
    let mut offsets = Letters::new();
    for record in objects.iter().flat_map(|object| &object.records).flatten() {
        if let Source::Kafka { topic, partition, offset } = &record.source {
            let place = (record.lane.clone(), topic.clone(), *partition, record.incarnation);
            offsets.entry(place).or_default().insert(*offset);
        }
    }
    offsets
}
