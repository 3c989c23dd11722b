//! The parked records: their number, their reasons, and the newest ones, from the dead letters on S3.

use std::collections::{BTreeMap, HashMap, HashSet};

use dead_letters::{DeadLetters, ParkedRecord, newest_by_source};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::BoardError;

/// The largest number of objects that are read. They are the newest ones.
const OBJECTS: usize = 300;

/// The largest number of objects that one request reads. The next requests read the others.
const AT_ONCE: usize = 60;

/// The largest number of records, and of reasons, that are shown. The records are the newest ones.
const SHOWN: usize = 50;

/// The dead letters that were read so far. Each object is read once.
pub(crate) struct Parked {
    /// Lists and reads the objects with dead letters.
    letters: DeadLetters,
    /// The records of each object that was read, without keys and values, by the object's path and version tag.
    read: HashMap<(String, String), Vec<ParkedRecord>>,
}

impl Parked {
    /// Begins without any records.
    pub(crate) fn new(letters: DeadLetters) -> Self {
        Self { letters, read: HashMap::new() }
    }

    /// Lists the dead letters, reads new objects, and returns the answer of `api/parked`.
    ///
    /// Records that were parked more than once count once. `complete` is false if some objects are not read: they are
    /// older than the newest [`OBJECTS`], or wait for the next request.
    pub(crate) async fn look(&mut self, deadline: Instant) -> Result<Value, BoardError> {
        let mut listed = self.letters.list(None, deadline).await?;
        listed.sort_by_key(|object| std::cmp::Reverse(object.version.modified));
        let mut complete = listed.len() <= OBJECTS;
        listed.truncate(OBJECTS);
        let place = |object: &s3::Listed| (object.path.clone(), object.version.tag.clone());
        let there: HashSet<_> = listed.iter().map(place).collect();
        self.read.retain(|place, _| there.contains(place));
        let unread: Vec<_> = listed.iter().filter(|object| !self.read.contains_key(&place(object))).collect();
        complete &= unread.len() <= AT_ONCE;
        for object in unread.into_iter().take(AT_ONCE) {
            let letters = self.letters.read(object, deadline).await?;
            let records = letters.into_iter().flat_map(|letters| letters.records).filter_map(Result::ok);
            // Keys and values are dropped: the board shows only reasons.
            let records =
                records.map(|record| ParkedRecord { value_base64: None, key_base64: None, ..record });
            self.read.insert(place(object), records.collect());
        }
        let mut records = newest_by_source(self.read.values().flatten().cloned());
        records.sort_by(|a, b| b.parked_at.cmp(&a.parked_at));
        let mut reasons: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
        for record in &records {
            let reason = reasons.entry((&record.lane, &record.reason)).or_insert((0, &record.parked_at));
            reason.0 += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let shown = records.iter().take(SHOWN).map(|record| {
            json!({
                "lane": record.lane, "source": record.source.to_string(), "reason": record.reason,
                "parked_at": record.parked_at,
            })
        });
        let reasons = reasons.iter().take(SHOWN).map(|((lane, reason), (count, newest))| {
            json!({"lane": lane, "reason": reason, "count": count, "newest": newest})
        });
        Ok(json!({
            "total": records.len(), "complete": complete,
            "reasons": reasons.collect::<Vec<_>>(), "records": shown.collect::<Vec<_>>(),
        }))
    }
}
