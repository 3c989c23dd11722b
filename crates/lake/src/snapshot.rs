//! A snapshot: the active files of one table version, and their statistics.

use std::collections::BTreeMap;

use s3::{Client, ObjectStore, S3Location};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    LakeError,
    log::{
        AppVersions, FOLDER, LogReader, Replay, TRIES,
        actions::{Add, FileActions, Files, Metadata, Protocol, apply},
        checkpoint::Detail,
        protocol,
    },
    partition,
    schema::DeltaStruct,
};

/// A Delta table at one version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The table's location, with a client for it.
    pub(crate) store: ObjectStore,
    /// All columns, also the partition columns.
    pub(crate) schema: DeltaStruct,
    /// The newest version when the log was read.
    version: i64,
    partition_columns: Vec<String>,
    /// The app transactions at that version.
    apps: AppVersions,
    /// The active files, sorted by key.
    files: Vec<ActiveFile>,
}

/// A data file that is part of the table (an `add` action that no `remove` cancels).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveFile {
    /// The object's key, relative to the table's location.
    pub key: String,
    /// The partition value of each partition column; `None` is null.
    pub partition: BTreeMap<String, Option<String>>,
    /// The file's size in bytes, by the log.
    pub size: u64,
    /// Delta's statistics as JSON. `None` if the writer left none.
    pub stats: Option<String>,
    /// The number of rows, by the statistics.
    pub rows: Option<u64>,
    /// Whether rows of the file are deleted by a deletion vector. Such files cannot be read here.
    pub(crate) has_deletions: bool,
    /// The path exactly as it is in the log. A `remove` action must repeat it.
    pub(crate) path: String,
    /// When the file was written, by its writer's clock: milliseconds since 1970.
    pub(crate) modified: i64,
}

/// The part of Delta's statistics that counts the rows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counted {
    /// The number of rows in the file, with those that a deletion vector deletes.
    pub(crate) num_records: Option<u64>,
}

/// The state while the log is replayed, from the oldest action to the newest.
#[derive(Default)]
struct Replayed {
    /// The newest protocol so far.
    protocol: Option<Protocol>,
    /// The newest metadata so far.
    metadata: Option<Metadata>,
    apps: AppVersions,
    /// The active files by path and deletion vector, which together identify a logical file.
    files: Files<Add>,
}

impl Snapshot {
    /// Reads the newest version of the table at `location`. Returns `None` if there is no table.
    ///
    /// # Errors
    /// [`LakeError::Unsupported`] if the table uses a feature that this crate cannot read; [`LakeError::Log`] if its
    /// log is damaged.
    pub async fn read(
        client: Client,
        location: S3Location,
        deadline: Instant,
    ) -> Result<Option<Self>, LakeError> {
        let store = ObjectStore::new(client, location);
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::once(store.clone(), deadline).await {
                // The log was checkpointed and cleaned up while it was read. Read it again.
                Err(LakeError::Moved { .. }) if tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// Reads the newest version once. Fails with [`LakeError::Moved`] if the log is cleaned up meanwhile.
    async fn once(store: ObjectStore, deadline: Instant) -> Result<Option<Self>, LakeError> {
        let log = LogReader { store: &store, deadline };
        let segment = log.segment().await?;
        let Some(version) = segment.version() else { return Ok(None) };
        let mut replay = Replayed::default();
        log.replay(&mut Replay::of(&segment), Detail::Whole, |actions| replay.take(actions)).await?;
        let (Some(protocol), Some(metadata)) = (replay.protocol, replay.metadata) else {
            return Err(log.damaged(FOLDER, "there is no protocol or no metaData in it"));
        };
        let table = store.location().to_string();
        let against = protocol::against_reading(&protocol, &metadata);
        if !against.is_empty() {
            return Err(LakeError::Unsupported { table, features: against.join(", "), purpose: "reading" });
        }
        let schema = DeltaStruct::parse(&metadata.schema_string)
            .map_err(|e| log.damaged("metaData", &format!("schemaString: {e}")))?;
        let mut files = Vec::with_capacity(replay.files.len());
        for add in replay.files.into_values() {
            files.push(
                ActiveFile::of(add).map_err(|path| log.damaged(&path, "the path is not a relative one"))?,
            );
        }
        files.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let (apps, partition_columns) = (replay.apps, metadata.partition_columns);
        Ok(Some(Self { store, schema, version, partition_columns, apps, files }))
    }

    /// The version of the table that this snapshot shows.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The partition columns. Their values are in the log and the paths, not in the data files.
    #[must_use]
    pub fn partition_columns(&self) -> &[String] {
        &self.partition_columns
    }

    /// The names of all columns, in the table's order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema.fields.iter().map(|field| field.name.as_str())
    }

    /// The app transactions of the table, which hold the writers' positions.
    #[must_use]
    pub fn app_versions(&self) -> &AppVersions {
        &self.apps
    }

    /// The active files, sorted by key.
    #[must_use]
    pub fn files(&self) -> &[ActiveFile] {
        &self.files
    }

    /// The number of rows in all files. `None` if a file has no statistics.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows).sum()
    }
}

impl ActiveFile {
    /// Converts an `add` action. The error is its path, if that is not relative to the table.
    fn of(add: Add) -> Result<Self, String> {
        let Some(key) =
            partition::from_uri(&add.path).filter(|key| !key.contains("://") && !key.starts_with('/'))
        else {
            return Err(add.path);
        };
        let counted = add.stats.as_deref().and_then(|stats| serde_json::from_str::<Counted>(stats).ok());
        Ok(Self {
            key,
            partition: add.partition_values,
            size: add.size.try_into().unwrap_or(0),
            rows: counted.and_then(|counted| counted.num_records),
            stats: add.stats,
            has_deletions: add.deletion_vector.is_some(),
            path: add.path,
            modified: add.modification_time,
        })
    }
}

impl Replayed {
    /// Applies the actions of a commit, or of a part of a checkpoint.
    fn take(&mut self, actions: FileActions) {
        self.protocol = actions.protocol.or(self.protocol.take());
        self.metadata = actions.metadata.or(self.metadata.take());
        for txn in actions.txns {
            self.apps.set(txn.app_id, txn.version);
        }
        apply(&mut self.files, actions.removes, actions.adds, |add| add);
    }
}
