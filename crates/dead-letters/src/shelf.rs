//! Stores parked records in S3, below a root.
//!
//! Kafka records: `<root>/<lane>/<topic>/<partition>/<first offset>-<last offset>.jsonl`. After a reset of the sink's
//! position, in a folder of the incarnation: `…/<partition>/i<incarnation>/…`.
//!
//! Records of an object: `<root>/<lane>/<bucket>/<encoded key>/<reading>/<first element>.jsonl`.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use kafka_batch::PartitionRecords;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3::{Listed, ObjectStore, S3Location, StoreError};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::record::{ParkedRecord, Source};

/// Access to the dead letters of all lanes.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    store: ObjectStore,
}

/// One reading of an object by a lane. A changed object is read again, under a higher number.
#[derive(Debug, Clone, Copy)]
pub struct ObjectReading<'a> {
    /// The function, by the name of its folder.
    pub lane: &'a str,
    /// The bucket's name, or the base URL of a web server.
    pub bucket: &'a str,
    /// The object's key.
    pub key: &'a str,
    /// The number of this reading of the object, from 1.
    pub reading: i64,
}

impl ObjectReading<'_> {
    /// The folder of all readings of the object, with a slash at its end.
    fn folder(&self) -> String {
        format!("{}/{}/{}/", self.lane, encoded(self.bucket), encoded(self.key))
    }
}

/// Encodes a name as one part of a path. A long name is cut, and a hash keeps it unique: an S3 key has at most 1,024
/// bytes.
fn encoded(name: &str) -> String {
    const LONGEST: usize = 300;
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    let mut encoded = utf8_percent_encode(name, KEPT).to_string();
    if encoded.len() > LONGEST {
        encoded.truncate(LONGEST);
        encoded.push_str(&hex::encode(&Sha256::digest(name.as_bytes())[..16]));
    }
    encoded
}

/// The records as lines of JSON.
fn lines(records: &[ParkedRecord]) -> Bytes {
    let mut lines = String::new();
    for record in records {
        // A map of strings and numbers always has a JSON form, and writing to a String cannot fail.
        let _ = writeln!(lines, "{}", serde_json::to_value(record).unwrap_or_default());
    }
    lines.into()
}

/// One object in S3 that holds parked records.
#[derive(Debug, Clone)]
pub struct ParkedObject {
    /// The object's path, relative to the root.
    pub path: String,
    /// The object's `ETag`, which identifies this content.
    pub tag: String,
    /// The object's lines. A line that is not a parked record is returned as text.
    pub records: Vec<Result<ParkedRecord, String>>,
}

impl DeadLetters {
    /// The dead letters below `root`.
    #[must_use]
    pub fn new(client: s3::Client, root: S3Location) -> Self {
        Self { store: ObjectStore::new(client, root) }
    }

    /// The location below which the dead letters are stored.
    #[must_use]
    pub fn root(&self) -> &S3Location {
        self.store.location()
    }

    /// Parks records of one lane and one partition in one object. Does nothing if there are no records.
    ///
    /// # Errors
    /// [`StoreError`] if S3 refuses the request or does not answer before `deadline`. All writing and reading
    /// operations of this type have these errors.
    pub async fn park(
        &self,
        partition: &PartitionRecords<'_>,
        records: &[ParkedRecord],
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        let offset = |record: &ParkedRecord| match &record.source {
            Source::Kafka { offset, .. } => *offset,
            Source::Object { .. } => 0,
        };
        let (from, to) = (offset(first), offset(last));
        let (topic, number) = (partition.topic(), partition.partition());
        // Offsets start again with each incarnation. Its folder prevents overwriting the records of an earlier one.
        let folder = match first.incarnation {
            0 => String::new(),
            incarnation => format!("i{incarnation}/"),
        };
        let path = format!("{}/{topic}/{number}/{folder}{from:020}-{to:020}.jsonl", first.lane);
        self.store.put(&path, lines(records), deadline).await
    }

    /// Parks elements of an object, or the object as a whole. Does nothing if there are no records.
    pub async fn park_of_object(
        &self,
        object: &ObjectReading<'_>,
        records: &[ParkedRecord],
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(first) = records.first() else { return Ok(()) };
        let place = match first.source {
            Source::Object { index: Some(index), .. } => format!("{index:020}"),
            _ => "object".to_owned(),
        };
        let path = format!("{}{:010}/{place}.jsonl", object.folder(), object.reading);
        self.store.put(&path, lines(records), deadline).await
    }

    /// Parks a whole object that the registry of readings cannot hold, because its key is not valid there.
    pub async fn park_unregistered(
        &self,
        lane: &str,
        (bucket, key): (&str, &str),
        reason: &str,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let record = ParkedRecord::of_object(lane, (bucket, key, None), None, reason, 0);
        self.park_of_object(&ObjectReading { lane, bucket, key, reading: 1 }, &[record], deadline).await
    }

    /// Deletes the records that earlier readings of an object parked. Call it after a later reading has read the whole
    /// object.
    pub async fn forget_earlier(
        &self,
        object: &ObjectReading<'_>,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let folder = object.folder();
        let this = format!("{folder}{:010}/", object.reading);
        for listed in self.store.list_below(&folder, deadline).await? {
            if listed.path < this {
                self.store.delete(&listed.path, deadline).await?;
            }
        }
        Ok(())
    }

    /// Reads all objects with parked records, or only those of `lane`, sorted by key.
    pub async fn objects(
        &self,
        lane: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<ParkedObject>, StoreError> {
        let mut objects = Vec::new();
        for listed in self.list(lane, deadline).await? {
            objects.extend(self.read(&listed, deadline).await?);
        }
        Ok(objects)
    }

    /// Lists all objects with parked records, or only those of `lane`, sorted by key.
    pub async fn list(&self, lane: Option<&str>, deadline: Instant) -> Result<Vec<Listed>, StoreError> {
        let folder = lane.map(|lane| format!("{lane}/")).unwrap_or_default();
        let mut listed = self.store.list_below(&folder, deadline).await?;
        listed.retain(|object| object.path.strip_suffix(".jsonl").is_some());
        Ok(listed)
    }

    /// Reads one listed object. Returns `None` if it was deleted since, for example by a redrive.
    pub async fn read(&self, listed: &Listed, deadline: Instant) -> Result<Option<ParkedObject>, StoreError> {
        let Some(body) = self.store.get(&listed.path, deadline).await? else { return Ok(None) };
        let text = String::from_utf8_lossy(&body);
        let records = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).map_err(|_| line.to_owned()))
            .collect();
        Ok(Some(ParkedObject { path: listed.path.clone(), tag: listed.version.tag.clone(), records }))
    }

    /// Deletes an object after all its records were handled again. Does not delete it if it was overwritten
    /// since it was read. Returns whether the object does not exist any more.
    pub async fn remove(&self, object: &ParkedObject, deadline: Instant) -> Result<bool, StoreError> {
        let now = self.store.list_below(&object.path, deadline).await?;
        match now.iter().find(|listed| listed.path == object.path) {
            None => Ok(true),
            Some(listed) if listed.version.tag != object.tag => Ok(false),
            Some(_) => self.store.delete(&object.path, deadline).await.map(|()| true),
        }
    }
}

/// Returns one record per lane, source and incarnation: the one that was parked last.
#[must_use]
pub fn newest_by_source(records: impl IntoIterator<Item = ParkedRecord>) -> Vec<ParkedRecord> {
    let mut newest: BTreeMap<(String, Source, i64), ParkedRecord> = BTreeMap::new();
    for record in records {
        let place = (record.lane.clone(), record.source.clone(), record.incarnation);
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

    /// A parked record of topic `t`.
    fn parked(offset: i64, parked_at: &str) -> ParkedRecord {
        let event = format!(r#"{{"records":{{"t-0":[{{"offset":{offset},"value":"eA=="}}]}}}}"#);
        let batch = KafkaBatch::decode(event.as_bytes()).unwrap();
        let partition = batch.partitions().next().unwrap();
        let record = ParkedRecord::of_kafka("lane", (&partition, 0), &partition.get(0), "bad", "v1");
        ParkedRecord { parked_at: parked_at.into(), ..record }
    }

    /// The newest line counts, because its reason is the current one.
    #[test]
    fn a_record_that_was_parked_twice_is_returned_once() {
        let records = [parked(1, "2026-11-21T00:00:00.000001Z"), parked(0, "2026-11-21T00:00:00.000000Z")];
        let again = [parked(1, "2026-11-21T00:00:00.000002Z"), parked(1, "2026-11-20T00:00:00.000009Z")];
        let newest = newest_by_source(records.into_iter().chain(again));
        assert_eq!(newest.len(), 2);
        assert_eq!(newest[1].parked_at, "2026-11-21T00:00:00.000002Z");
    }

    /// The same offset of a recreated topic is another record.
    #[test]
    fn letters_of_two_incarnations_are_different_records() {
        let letter = parked(1, "2026-11-21T00:00:00.000001Z");
        let later = ParkedRecord { incarnation: 1, ..letter.clone() };
        assert_eq!(newest_by_source([letter, later]).len(), 2);
    }

    #[test]
    fn objects_with_similar_names_have_different_folders_and_long_names_are_cut() {
        let folder = |key: &str| ObjectReading { lane: "l", bucket: "b", key, reading: 1 }.folder();
        assert_eq!(folder("a/b c"), "l/b/a%2Fb%20c/");
        assert_ne!(folder("a"), folder("a/"));
        let (long, longer) = ("ü".repeat(512), format!("{}!", "ü".repeat(511)));
        assert_ne!(folder(&long), folder(&longer));
        assert!(folder(&long).len() < 400);
    }

    #[test]
    fn a_line_is_parsed_as_it_was_written_also_for_a_tombstone() {
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
