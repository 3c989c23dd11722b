//! The rewrite: a commit that replaces data files by one file with the same rows.
//!
//! A rewrite never makes an append fail, because an append reads no files: it just takes the next version. The rewrite
//! must check all commits since its files were read. If one of them removed such a file, the rewrite is given up.

use std::collections::HashSet;

use chrono::Utc;
use faults::Backoff;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use s3::PutIfAbsent;
use serde_json::json;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{
    Table,
    commit::{Action, Body, Commit, Retired, Written},
    resolve::Race,
};
use crate::{
    ActiveFile, LakeError, PartitionFile, Snapshot, TableSchema,
    log::{
        LogReader, State,
        actions::{Add, ChangeLine, CommitInfo},
        commit_id, commit_path,
    },
    partition,
};

/// The number of commits that are read at the same time while catching up.
const AHEAD: usize = 16;

/// The files that other writers removed since a snapshot was read.
#[derive(Debug)]
pub struct Since {
    /// The last version that was read.
    version: i64,
    /// The keys of the removed files.
    gone: HashSet<String>,
}

impl Since {
    /// No removed files yet.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        Self { version: snapshot.version(), gone: HashSet::new() }
    }
}

/// The result of a rewrite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewritten {
    /// The files were replaced.
    Committed {
        /// The version of the commit.
        version: i64,
        /// The size of the new file, in bytes.
        bytes: u64,
        /// The number of versions that other writers took first.
        lost: u32,
    },
    /// The files were not replaced, because another writer changed them, or the table's columns, since the snapshot.
    GivenUp {
        /// What was changed.
        reason: String,
    },
}

impl Table {
    /// A writer with exactly the columns of the table in `snapshot`. Sends no request.
    ///
    /// # Errors
    /// [`LakeError::Schema`] if a column has a type that this crate does not write.
    pub fn of(snapshot: &Snapshot) -> Result<Self, LakeError> {
        let store = snapshot.store.clone();
        let schema = TableSchema::of_table(&snapshot.schema, snapshot.partition_columns());
        let schema = schema.map_err(|fault| fault.in_table(&store.location().to_string()))?;
        Ok(Self { store, schema, known: None, fresh: false })
    }

    /// Reads the commits since the snapshot. Returns the reason if a rewrite of these files would be given up now.
    pub async fn objection(
        &mut self,
        since: &mut Since,
        files: &[ActiveFile],
        deadline: Instant,
    ) -> Result<Option<String>, LakeError> {
        self.follow(since, None, deadline).await?;
        Ok(self.against(since, files))
    }

    /// The reason against a rewrite of these files, by the commits that are known.
    fn against(&self, since: &Since, files: &[ActiveFile]) -> Option<String> {
        if self.known.as_ref().is_some_and(|known| known.evolve.is_some()) {
            return Some("the table's columns were changed".to_owned());
        }
        let gone = files.iter().find(|file| since.gone.contains(&file.key));
        gone.map(|file| format!("another writer replaced or deleted {}", file.key))
    }

    /// Replaces `removed` by `file`. `removed` are files of the snapshot from which `since` was created, and `file`
    /// must contain the same rows. The name of the new object starts with `kind`. Positions do not change.
    ///
    /// # Errors
    /// After an error, either the whole rewrite is committed or nothing is. The table is correct in both cases.
    ///
    /// [`LakeError::Plan`] if the files are not in the partition of `file` or have deletion vectors;
    /// [`LakeError::Contended`] if the deadline is reached.
    pub async fn rewrite(
        &mut self,
        since: &mut Since,
        removed: &[ActiveFile],
        file: PartitionFile,
        kind: &str,
        deadline: Instant,
    ) -> Result<Rewritten, LakeError> {
        self.check_rewrite(removed, &file)?;
        let written = self.put_file(file, kind, deadline).await?;
        let id = Uuid::new_v4().to_string();
        // The pauses are longer than those of appends, because appends have priority.
        let mut backoff = Backoff::new(Duration::from_millis(32), Duration::from_millis(512));
        let mut lost = 0;
        loop {
            let tried = self.next_version();
            let in_time = lost == 0 || backoff.pause(deadline).await;
            // The lost commit may be our own: S3's response can be lost.
            if self.follow(since, Some(&id), deadline).await? == Race::Ours {
                return Ok(Rewritten::Committed { version: tried, bytes: written.size, lost: lost - 1 });
            }
            if let Some(reason) = self.against(since, removed) {
                return Ok(Rewritten::GivenUp { reason });
            }
            let version = self.next_version();
            if !in_time {
                return Err(LakeError::Contended { table: self.location().to_string(), lost, version });
            }
            let Some(commit) = self.rewrite_body(removed, &written, &id) else {
                return Err(LakeError::NoTable { table: self.location().to_string() });
            };
            match self.store.put_if_absent(&commit_path(version), commit.body.clone(), deadline).await? {
                PutIfAbsent::Written => {
                    self.committed(commit);
                    since.version = version;
                    since.gone.extend(removed.iter().map(|file| file.key.clone()));
                    return Ok(Rewritten::Committed { version, bytes: written.size, lost });
                }
                PutIfAbsent::Lost => lost += 1,
            }
        }
    }

    /// Checks that the files can be replaced: they are in the same partition as the new file and have no deletion
    /// vectors.
    fn check_rewrite(&self, removed: &[ActiveFile], file: &PartitionFile) -> Result<(), LakeError> {
        let same = |removed: &ActiveFile| {
            let columns = self.schema.partition_columns().iter();
            columns.zip(&file.partition).all(|(column, value)| {
                removed.partition.get(column).and_then(Option::as_ref) == value.as_ref()
            })
        };
        if removed.is_empty() || !removed.iter().all(|removed| !removed.has_deletions && same(removed)) {
            let table = self.location().to_string();
            let reason =
                "files can be replaced within one partition, and only those without deletion vectors";
            return Err(LakeError::Plan { table, reason: reason.to_owned() });
        }
        Ok(())
    }

    /// Reads all commits after `since`. Commits after the known version also update the known state.
    ///
    /// `ours` is the id of a commit that this call may have written. Fails with [`LakeError::Moved`] if a commit was
    /// cleaned up before it was read.
    async fn follow(
        &mut self,
        since: &mut Since,
        ours: Option<&str>,
        deadline: Instant,
    ) -> Result<Race, LakeError> {
        self.recall(deadline).await?;
        let store = self.store.clone();
        let log = LogReader { store: &store, deadline };
        let no_table = || LakeError::NoTable { table: store.location().to_string() };
        let (mut race, mut changed, mut window) = (Race::Lost, false, 1);
        loop {
            let first = since.version + 1;
            let one = |version| log.commit::<ChangeLine>(version).boxed();
            let window_of = stream::iter((first..).take(window).map(one).collect::<Vec<_>>());
            let commits: Vec<_> = window_of.buffered(AHEAD).try_collect().await?;
            for lines in commits {
                let known = self.known.as_mut().ok_or_else(no_table)?;
                let state = known.state.as_mut().ok_or_else(no_table)?;
                let Some(lines) = lines else {
                    if state.version > since.version {
                        let missing = since.version + 1;
                        return Err(
                            log.moved(&format!("version {missing} was cleaned up before it was read"))
                        );
                    }
                    known.confirmed();
                    self.fresh = true;
                    if changed {
                        self.check()?;
                    }
                    return Ok(race);
                };
                since.version += 1;
                since.gone.extend(lines.iter().filter_map(removed_key));
                let lines = lines.into_iter().map(ChangeLine::state).collect::<Vec<_>>();
                if ours.is_some() && commit_id(&lines) == ours {
                    race = Race::Ours;
                }
                if since.version > state.version {
                    changed |= state.advance(lines);
                }
            }
            window = (window * 2).min(AHEAD);
        }
    }

    /// Builds the commit after the known version.
    ///
    /// `None` if there is no table.
    fn rewrite_body(&self, removed: &[ActiveFile], written: &Written, id: &str) -> Option<Commit> {
        let now = Utc::now().timestamp_millis();
        let mut after: State = self.known.as_ref()?.state.clone()?;
        after.version += 1;
        let info = CommitInfo::of(id, &after, true, described(removed, written, now));
        let mut body = Body(Vec::with_capacity(2048 + removed.len() * 512));
        body.push(&Action::CommitInfo(&info));
        for file in removed {
            body.push(&Action::Remove(&Retired {
                path: &file.path,
                deletion_timestamp: now,
                data_change: false,
                extended_file_metadata: true,
                partition_values: &file.partition,
                size: file.size,
            }));
        }
        body.push(&Action::Add(&Add {
            path: partition::to_uri(&written.key),
            // Copied as it is, because other writers can spell the same value differently.
            partition_values: removed.first()?.partition.clone(),
            size: i64::try_from(written.size).unwrap_or(i64::MAX),
            modification_time: now,
            data_change: false,
            stats: Some(written.stats.clone()),
            deletion_vector: None,
        }));
        Some(Commit { body: body.0.into(), after })
    }
}

/// The key of the file that a line removes. Keys are compared decoded, because tools encode paths differently.
fn removed_key(line: &ChangeLine) -> Option<String> {
    let path = &line.remove.as_ref()?.path;
    Some(partition::from_uri(path).unwrap_or_else(|| path.clone()))
}

/// The fields of `commitInfo` that Spark's history shows for an OPTIMIZE.
fn described(removed: &[ActiveFile], written: &Written, now: i64) -> [(&'static str, serde_json::Value); 5] {
    let size = written.size.to_string();
    let removed_bytes: u64 = removed.iter().map(|file| file.size).sum();
    [
        ("timestamp", json!(now)),
        ("operation", json!("OPTIMIZE")),
        (
            "operationParameters",
            json!({ "predicate": "[]", "zOrderBy": "[]", "clusterBy": "[]", "auto": false }),
        ),
        (
            "operationMetrics",
            json!({
                "numAddedFiles": "1",
                "numRemovedFiles": removed.len().to_string(),
                "numAddedBytes": size,
                "numRemovedBytes": removed_bytes.to_string(),
                "minFileSize": size,
                "p25FileSize": size,
                "p50FileSize": size,
                "p75FileSize": size,
                "maxFileSize": size,
                "numDeletionVectorsRemoved": "0",
            }),
        ),
        ("isBlindAppend", json!(false)),
    ]
}
