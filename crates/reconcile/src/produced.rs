//! Reads chosen offsets from Kafka and says which of them hold a record.

use krafka::consumer::ConsumerRecord;
use positions::OffsetRanges;

use crate::{
    Cluster, ReconcileError,
    offsets::{Offsets, below, intersection},
    records::Reader,
};

/// The state of the requested offsets in Kafka. An offset in none of the three sets has no record: it is a
/// transaction marker, belongs to an aborted transaction, or was compacted away.
#[derive(Debug, Default, Clone)]
pub struct Produced {
    /// Offsets that hold a record.
    pub records: Offsets,
    /// Offsets that Kafka deleted before they could be read.
    pub gone: Offsets,
    /// Offsets that the broker did not return in time. It is unknown whether they hold a record.
    pub unread: Offsets,
}

/// Reads the `wanted` offsets of a topic and passes each record to `each`. Only committed records are read.
/// Sends no request if `wanted` is empty.
///
/// # Errors
/// [`ReconcileError`] if Kafka cannot be reached or refuses the request. Offsets that are not returned in
/// time are no error; see [`Produced::unread`].
pub async fn read(
    cluster: &Cluster,
    topic: &str,
    wanted: &Offsets,
    mut each: impl FnMut(&ConsumerRecord),
) -> Result<Produced, ReconcileError> {
    let mut produced = Produced::default();
    if wanted.values().all(OffsetRanges::is_empty) {
        return Ok(produced);
    }
    let mut reader = Reader::open(cluster, topic, wanted).await?;
    while let Some(records) = reader.next().await? {
        for record in &records {
            produced.records.entry(record.partition).or_default().insert_one(record.offset);
            each(record);
        }
    }
    produced.unread = reader.unread().clone();
    for (&partition, ranges) in wanted {
        let mut gone = intersection(ranges, &below(reader.beginning(partition).await?));
        if let Some(records) = produced.records.get(&partition) {
            gone = gone.difference(records);
        }
        if let Some(unread) = produced.unread.get(&partition) {
            gone = gone.difference(unread);
        }
        produced.gone.insert(partition, gone);
    }
    reader.close().await;
    Ok(produced)
}
