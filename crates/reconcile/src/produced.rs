//! What Kafka holds of chosen offsets, record by record.

use krafka::consumer::ConsumerRecord;
use positions::OffsetRanges;

use crate::{
    Cluster, ReconcileError,
    offsets::{Offsets, below, intersection},
    records::Reader,
};

/// What Kafka holds of the offsets that were asked for. An offset in none of the three has no record: a transaction marker,
/// a record of an aborted transaction, or one that was compacted away.
#[derive(Debug, Default, Clone)]
pub struct Produced {
    /// These hold a record.
    pub records: Offsets,
    /// These were deleted before they could be looked at.
    pub gone: Offsets,
    /// The broker did not get to these.
    pub unread: Offsets,
}

/// Reads the `wanted` offsets of a topic and gives each record to `each`.
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
