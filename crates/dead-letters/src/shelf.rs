//! Where parked records lie: `<root>/<lane>/<topic>/<partition>/<first offset>-<last offset>.jsonl`.

use std::collections::BTreeMap;
use std::fmt::Write;

use objects::{ObjectStore, S3Location, StoreError};
use tokio::time::Instant;

use crate::record::{ParkedRecord, Source};

/// The dead letters of all lanes.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    store: ObjectStore,
}

/// One object of parked records.
#[derive(Debug, Clone)]
pub struct ParkedObject {
    /// Its path below the root.
    pub path: String,
    /// What identifies this very content.
    pub etag: String,
    /// Its lines; one that is not a parked record is given as it stands.
    pub records: Vec<Result<ParkedRecord, String>>,
}

impl DeadLetters {
    /// The dead letters below `root`.
    #[must_use]
    pub fn new(client: objects::Client, root: S3Location) -> Self {
        Self { store: ObjectStore::new(client, root) }
    }

    /// Where they lie.
    #[must_use]
    pub fn root(&self) -> &S3Location {
        self.store.location()
    }

    /// Parks records of one lane and one partition. Does nothing for none.
    pub async fn park(&self, records: &[ParkedRecord], deadline: Instant) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        let mut lines = String::new();
        for record in records {
            // A map of strings and numbers always has a JSON form, and writing to a String cannot fail.
            let _ = writeln!(lines, "{}", serde_json::to_value(record).unwrap_or_default());
        }
        let Source::Kafka { topic, partition, offset: from } = &first.source;
        let Source::Kafka { offset: to, .. } = &last.source;
        let path = format!("{}/{topic}/{partition}/{from:020}-{to:020}.jsonl", first.lane);
        self.store.put(&path, lines.into(), deadline).await
    }

    /// All objects, optionally of one lane only, in the order of their keys.
    pub async fn objects(
        &self,
        lane: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<ParkedObject>, StoreError> {
        let folder = lane.map(|lane| format!("{lane}/")).unwrap_or_default();
        let mut objects = Vec::new();
        for listed in self.store.list_below(&folder, deadline).await? {
            if listed.path.strip_suffix(".jsonl").is_none() {
                continue;
            }
            // An object redriven in the meantime is simply no longer there.
            if let Some(body) = self.store.get(&listed.path, deadline).await? {
                let text = String::from_utf8_lossy(&body);
                let records = text
                    .lines()
                    .filter(|line| !line.is_empty())
                    .map(|line| serde_json::from_str(line).map_err(|_| line.to_owned()))
                    .collect();
                objects.push(ParkedObject { path: listed.path, etag: listed.etag, records });
            }
        }
        Ok(objects)
    }

    /// Deletes an object whose records were all handled again, unless it was written anew since it was read. Returns
    /// whether it is gone.
    pub async fn remove(&self, object: &ParkedObject, deadline: Instant) -> Result<bool, StoreError> {
        let now = self.store.list_below(&object.path, deadline).await?;
        match now.iter().find(|listed| listed.path == object.path) {
            None => Ok(true),
            Some(listed) if listed.etag != object.etag => Ok(false),
            Some(_) => self.store.delete(&object.path, deadline).await.map(|()| true),
        }
    }
}

/// One record for each lane and source: the one parked last.
#[must_use]
pub fn newest_by_source(records: impl IntoIterator<Item = ParkedRecord>) -> Vec<ParkedRecord> {
    let mut newest: BTreeMap<(String, Source), ParkedRecord> = BTreeMap::new();
    for record in records {
        let place = (record.lane.clone(), record.source.clone());
        match newest.get(&place) {
            Some(other) if other.parked_at >= record.parked_at => {}
            _ => {
                newest.insert(place, record);
            }
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use kafka_batch::KafkaBatch;

    use super::*;

    fn parked(offset: i64, parked_at: &str) -> ParkedRecord {
        let event = format!(r#"{{"records":{{"t-0":[{{"offset":{offset},"value":"eA=="}}]}}}}"#);
        let batch = KafkaBatch::decode(event.as_bytes()).unwrap();
        let partition = batch.partitions().next().unwrap();
        let record = ParkedRecord::of_kafka("lane", &partition, &partition.get(0), "bad", "v1");
        ParkedRecord { parked_at: parked_at.into(), ..record }
    }

    #[test]
    fn a_position_parked_twice_is_one_record_the_newest() {
        let records = [parked(1, "2026-11-21T00:00:00.000001Z"), parked(0, "2026-11-21T00:00:00.000000Z")];
        let again = [parked(1, "2026-11-21T00:00:00.000002Z"), parked(1, "2026-11-20T00:00:00.000009Z")];
        let newest = newest_by_source(records.into_iter().chain(again));
        assert_eq!(newest.len(), 2);
        assert_eq!(newest[1].parked_at, "2026-11-21T00:00:00.000002Z");
    }

    #[test]
    fn a_line_is_read_as_it_was_written_tombstones_included() {
        let mut record = parked(7, "2026-11-21T00:00:00.000001Z");
        for value in [None, Some("AP8=".to_owned())] {
            record.value_base64 = value;
            let line = serde_json::to_string(&record).unwrap();
            assert!(line.contains(r#""source":{"topic":"t","partition":0,"offset":7}"#), "{line}");
            assert_eq!(serde_json::from_str::<ParkedRecord>(&line).unwrap(), record);
        }
        assert_eq!(record.value().unwrap(), Some(vec![0, 255]));
    }
}
