//! Builds events as Lambda does, for the local bridge, for redriving, and for tests.

use std::fmt::Write;

use crate::batch::Redrive;
use crate::decode::REDRIVE;

/// A Kafka event under construction. Records are added with [`Self::push`].
#[derive(Debug, Default)]
pub struct MskEvent {
    /// The JSON before `records`: the event's source and the brokers.
    head: String,
    /// The records by partition, in the order in which the partitions first occurred.
    lists: Vec<List>,
    /// The index of the list that got the last record. Records usually come in runs of one partition.
    last: usize,
    records: usize,
    /// The size of the JSON so far, without the map keys.
    bytes: usize,
}

/// The records of one partition.
#[derive(Debug)]
struct List {
    topic: String,
    partition: i32,
    /// The start of each record's JSON: topic and partition.
    opening: String,
    /// The records so far, separated by commas.
    json: String,
}

impl List {
    /// An empty list.
    fn new(topic: &str, partition: i32) -> Self {
        let mut opening = String::from("{\"topic\":");
        push_json_string(&mut opening, topic);
        // Writing to a String cannot fail.
        let _ = write!(opening, ",\"partition\":{partition},\"offset\":");
        Self { topic: topic.to_owned(), partition, opening, json: String::new() }
    }

    /// Whether the list is that of this partition.
    fn is_of(&self, topic: &str, partition: i32) -> bool {
        self.partition == partition && self.topic == topic
    }
}

impl MskEvent {
    /// Starts an event of a mapping on the cluster `event_source_arn`, with the brokers `bootstrap_servers`.
    #[must_use]
    pub fn new(event_source_arn: &str, bootstrap_servers: &str) -> Self {
        let mut head = String::from("{\"eventSource\":\"aws:kafka\",\"eventSourceArn\":");
        push_json_string(&mut head, event_source_arn);
        head.push_str(",\"bootstrapServers\":");
        push_json_string(&mut head, bootstrap_servers);
        Self { bytes: head.len(), head, ..Self::default() }
    }

    /// Marks the event as redriven dead letters.
    #[must_use]
    pub fn of_redrive(mut self, redrive: Redrive) -> Self {
        let before = self.head.len();
        // Writing to a String cannot fail, and a number and a boolean always have a JSON form.
        let _ = write!(self.head, ",\"{REDRIVE}\":{}", serde_json::to_value(redrive).unwrap_or_default());
        self.bytes += self.head.len() - before;
        self
    }

    /// Adds one record. `timestamp_ms` is Kafka's timestamp in milliseconds since the epoch. Without a `value` it is a
    /// tombstone.
    #[expect(clippy::too_many_arguments, reason = "a Kafka record has this many parts")]
    pub fn push(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(String, Vec<u8>)],
    ) -> &mut Self {
        let List { opening, json: list, .. } = self.list(topic, partition);
        let before = list.len();
        if before > 0 {
            list.push(',');
        }
        list.push_str(opening);
        let mut digits = itoa::Buffer::new();
        list.push_str(digits.format(offset));
        list.push_str(",\"timestamp\":");
        list.push_str(digits.format(timestamp_ms));
        list.push_str(",\"timestampType\":\"CREATE_TIME\"");
        for (name, bytes) in [(",\"key\":\"", key), (",\"value\":\"", value)] {
            if let Some(bytes) = bytes {
                list.push_str(name);
                base64_simd::STANDARD.encode_append(bytes, list);
                list.push('"');
            }
        }
        list.push_str(",\"headers\":[");
        for (index, (name, value)) in headers.iter().enumerate() {
            list.push_str(if index == 0 { "{" } else { ",{" });
            push_json_string(list, name);
            list.push_str(":[");
            for (index, byte) in value.iter().enumerate() {
                if index > 0 {
                    list.push(',');
                }
                list.push_str(digits.format(byte.cast_signed()));
            }
            list.push_str("]}");
        }
        list.push_str("]}");
        let added = list.len() - before;
        self.bytes += added;
        self.records += 1;
        self
    }

    /// The list of a partition. Creates it for the partition's first record.
    fn list(&mut self, topic: &str, partition: i32) -> &mut List {
        if !self.lists.get(self.last).is_some_and(|list| list.is_of(topic, partition)) {
            let found = self.lists.iter().position(|list| list.is_of(topic, partition));
            self.last = found.unwrap_or(self.lists.len());
            if found.is_none() {
                self.lists.push(List::new(topic, partition));
            }
        }
        &mut self.lists[self.last]
    }

    /// The number of records added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether no record was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The size of the event's JSON in bytes, without the map keys of the partitions (a few bytes each).
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the event as JSON, in the form that Lambda sends. The partitions are sorted by topic and
    /// number, the records of a partition are in the order in which they were added.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let keys: usize = self.lists.iter().map(|list| list.topic.len() + 32).sum();
        let mut json = String::with_capacity(self.bytes + keys + 64);
        json.push_str(&self.head);
        json.push_str(",\"records\":{");
        let mut lists: Vec<&List> = self.lists.iter().collect();
        lists.sort_unstable_by_key(|list| (&list.topic, list.partition));
        for (index, list) in lists.into_iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_json_string(&mut json, &format!("{}-{}", list.topic, list.partition));
            json.push_str(":[");
            json.push_str(&list.json);
            json.push(']');
        }
        json.push_str("}}");
        json.into_bytes()
    }
}

/// Appends a text as a JSON string, with its quotes and escapes.
fn push_json_string(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
