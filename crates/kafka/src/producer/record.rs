//! A record to be sent.

use bytes::Bytes;
use krafka::Record;

/// A record to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// Records with the same key go to the same partition and keep their order.
    pub key: Bytes,
    /// The payload.
    pub value: Bytes,
    /// Header names and values.
    pub headers: Vec<(String, Bytes)>,
    /// Milliseconds since the Unix epoch. If `None`, the client uses the time of sending.
    pub timestamp_ms: Option<i64>,
}

impl OutgoingRecord {
    /// A record without headers and timestamp.
    #[must_use]
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: value.into(), ..Self::default() }
    }

    /// The record of the client library, for `topic`. Copies no bytes.
    pub(crate) fn to(&self, topic: &str) -> Record {
        let record = Record::new(topic, self.value.clone()).key(self.key.clone());
        let record = match self.timestamp_ms {
            Some(timestamp) => record.timestamp(timestamp),
            None => record,
        };
        self.headers.iter().fold(record, |record, (name, value)| record.header(name.as_str(), value.clone()))
    }
}
