//! Builds the JSON of a commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Table;
use crate::{
    log::{
        AppVersions, State,
        actions::{Add, CommitInfo, Format, Metadata, Own, Protocol, Txn},
    },
    partition,
};

/// If a table has at most this many app versions, each commit repeats all of them. Otherwise only every
/// [`SUMMARY_EVERY`]th commit does, to keep commits small.
const SUMMARY: usize = 64;
/// See [`SUMMARY`].
const SUMMARY_EVERY: i64 = 16;

/// A data file that was written to S3.
#[derive(Debug)]
pub(super) struct Written {
    /// The object's key, relative to the table's location.
    pub(super) key: String,
    /// The value of each partition column; `None` is null.
    pub(super) partition: Vec<Option<String>>,
    /// The size in bytes.
    pub(super) size: u64,
    /// The number of rows.
    pub(super) rows: u64,
    /// The statistics as JSON.
    pub(super) stats: String,
}

/// The content of a commit.
pub(super) struct Content<'a> {
    /// The data files. They are on S3 already.
    pub(super) files: &'a [Written],
    /// The app versions to set. Those that the table has already are left out.
    pub(super) app_versions: &'a [(String, i64)],
    /// A unique id, by which the writer recognises its own commit.
    pub(super) commit_id: &'a str,
}

/// A commit, and the state of the table after it.
pub(super) struct Commit {
    /// The JSON of the commit.
    pub(super) body: Bytes,
    /// The state of the table after the commit.
    pub(super) after: State,
}

/// A line of a commit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action<'a> {
    CommitInfo(&'a CommitInfo),
    Protocol(&'a Protocol),
    MetaData(&'a Metadata),
    Txn(&'a Txn),
    Add(&'a Add),
    Remove(&'a Retired<'a>),
}

/// A `remove` action for a file that other files replace.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Retired<'a> {
    /// The path exactly as in the `add` action.
    pub(super) path: &'a str,
    /// When the file was removed, in milliseconds since 1970. A vacuum deletes it after its retention.
    pub(super) deletion_timestamp: i64,
    /// Always false here: other files have the same rows.
    pub(super) data_change: bool,
    /// Always true: the action contains partition values and size.
    pub(super) extended_file_metadata: bool,
    /// The partition values exactly as in the `add` action.
    pub(super) partition_values: &'a BTreeMap<String, Option<String>>,
    pub(super) size: u64,
}

impl Table {
    /// Builds the commit after the known version. Returns `None` if it would change nothing.
    pub(super) fn commit_body(&self, content: &Content<'_>) -> Option<Commit> {
        let now = Utc::now().timestamp_millis();
        let version = self.next_version();
        let known = self.known.as_ref();
        let (mut after, mut definitions) = match known.and_then(|known| known.state.as_ref()) {
            Some(state) => (state.clone(), false),
            None => (self.created(now), true),
        };
        let evolve = known.and_then(|known| known.evolve.as_ref()).filter(|_| !content.files.is_empty());
        if let Some(schema) = evolve {
            after.metadata.schema_string = schema.to_json();
            after.metadata_version = Some(version);
        }
        let changed: BTreeMap<&str, i64> = content
            .app_versions
            .iter()
            .filter(|(app_id, to)| after.apps.get(app_id) != Some(*to))
            .map(|(app_id, to)| (app_id.as_str(), *to))
            .collect();
        if changed.is_empty() && content.files.is_empty() {
            return None;
        }
        for (app_id, to) in &changed {
            after.apps.set((*app_id).to_owned(), *to);
        }
        after.version = version;

        let info = self.info(content, &after, now);
        let mut body = Body(Vec::with_capacity(1024 + content.files.len() * 1024 + changed.len() * 128));
        body.push(&Action::CommitInfo(&info));
        if definitions {
            body.push(&Action::Protocol(&after.protocol));
        }
        definitions |= evolve.is_some();
        if definitions {
            body.push(&Action::MetaData(&after.metadata));
        }
        for (app_id, to) in changed {
            body.push(&Action::Txn(&Txn { app_id: app_id.to_owned(), version: to, last_updated: Some(now) }));
        }
        for file in content.files {
            body.push(&Action::Add(&self.add(file, now)));
        }
        Some(Commit { body: body.0.into(), after })
    }

    /// Takes over the state after a commit that was written.
    pub(super) fn committed(&mut self, commit: Commit) {
        let Some(known) = self.known.as_mut() else { return };
        if known.state.as_ref().is_none_or(|state| state.metadata != commit.after.metadata) {
            known.evolve = None;
        }
        known.state = Some(commit.after);
        known.confirmed();
    }

    /// The state of a new table.
    fn created(&self, now: i64) -> State {
        let ntz = self.schema.needs_timestamp_ntz().then(|| vec!["timestampNtz".to_owned()]);
        State {
            version: 0,
            protocol: Protocol {
                min_reader_version: if ntz.is_some() { 3 } else { 1 },
                min_writer_version: if ntz.is_some() { 7 } else { 2 },
                reader_features: ntz.clone(),
                writer_features: ntz,
            },
            protocol_version: Some(0),
            metadata: Metadata {
                id: Uuid::new_v4().to_string(),
                name: None,
                description: None,
                format: Format { provider: "parquet".to_owned(), options: BTreeMap::new() },
                schema_string: self.schema.delta().to_json(),
                partition_columns: self.schema.partition_columns().to_vec(),
                configuration: BTreeMap::new(),
                created_time: Some(now),
                other: serde_json::Map::new(),
            },
            metadata_version: Some(0),
            apps: AppVersions::default(),
        }
    }

    /// The `commitInfo` of an append.
    fn info(&self, content: &Content<'_>, after: &State, now: i64) -> CommitInfo {
        let rows: u64 = content.files.iter().map(|file| file.rows).sum();
        let bytes: u64 = content.files.iter().map(|file| file.size).sum();
        let carries_state = after.apps.len() <= SUMMARY || after.version % SUMMARY_EVERY == 0;
        let other = [
            ("timestamp", json!(now)),
            ("operation", json!("WRITE")),
            (
                "operationParameters",
                json!({
                    "mode": "Append",
                    "partitionBy": json!(self.schema.partition_columns()).to_string(),
                }),
            ),
            (
                "operationMetrics",
                json!({
                    "numFiles": content.files.len().to_string(),
                    "numOutputRows": rows.to_string(),
                    "numOutputBytes": bytes.to_string(),
                }),
            ),
            ("isBlindAppend", json!(true)),
        ];
        CommitInfo::of(content.commit_id, after, carries_state, other)
    }

    /// The `add` action for a data file.
    fn add(&self, file: &Written, now: i64) -> Add {
        let values =
            file.partition.iter().map(|value| partition::stored(value.as_deref()).map(ToOwned::to_owned));
        Add {
            path: partition::to_uri(&file.key),
            partition_values: self.schema.partition_columns().iter().cloned().zip(values).collect(),
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            modification_time: now,
            data_change: true,
            stats: Some(file.stats.clone()),
            deletion_vector: None,
        }
    }
}

impl CommitInfo {
    /// Builds the commit's `commitInfo`: `other`, the engine's name, and (if `carries_state`) all app versions after
    /// the commit.
    pub(super) fn of(
        commit_id: &str,
        after: &State,
        carries_state: bool,
        other: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        let own = Own {
            commit_id: commit_id.to_owned(),
            protocol_version: after.protocol_version,
            metadata_version: after.metadata_version,
            app_versions: carries_state.then(|| after.apps.as_map().clone()),
        };
        let maker = [
            ("engineInfo", json!(concat!("headwater/", env!("CARGO_PKG_VERSION")))),
            ("txnId", json!(commit_id)),
        ];
        let other = other.into_iter().chain(maker).map(|(key, value)| (key.to_owned(), value)).collect();
        Self { headwater: Some(own), other }
    }
}

/// The body of a commit: one JSON action per line.
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    /// Appends one line.
    pub(super) fn push(&mut self, action: &Action<'_>) {
        // The actions are plain structs with string keys, and the writer is a vector, so this cannot fail.
        if serde_json::to_writer(&mut self.0, action).is_ok() {
            self.0.push(b'\n');
        }
    }
}
