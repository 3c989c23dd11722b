//! Reads the log: the newest state for a writer, or all actions for a reader of the data files.

use std::{collections::VecDeque, ops::Range};

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use s3::ObjectStore;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{
    AppVersions, FOLDER, Segment, State,
    actions::{self, FileActions, Metadata, Own, Protocol, StateLine},
    checkpoint::{self, Detail, Source},
    commit_path,
};
use crate::LakeError;

/// The number of requests at the same time.
pub(super) const CONCURRENT: usize = 16;
/// How often the log is read in total, if it is cleaned up while it is being read.
pub(crate) const TRIES: u32 = 4;

/// Reads the log of one table until a deadline.
pub(crate) struct LogReader<'a> {
    /// The store, with the table's location.
    pub(crate) store: &'a ObjectStore,
    /// Every request must end before this time.
    pub(crate) deadline: Instant,
}

/// How much of the log has been replayed.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The checkpoint files and sidecars that are still to be read.
    files: VecDeque<String>,
    /// The commits that are still to be read.
    commits: Range<i64>,
}

impl Replay {
    /// Nothing has been replayed yet.
    pub(crate) fn of(segment: &Segment) -> Self {
        let files = segment.checkpoint.iter().flat_map(|(_, files)| files);
        Self { files: files.map(|file| file.path.clone()).collect(), commits: segment.commits.clone() }
    }

    /// One past the last listed version.
    pub(crate) fn end(&self) -> i64 {
        self.commits.end
    }
}

/// What was found while reading the commits from the newest to the oldest.
#[derive(Default)]
struct Walked {
    /// The newest protocol with its version; −1 if it is from a checkpoint.
    protocol: Option<(Protocol, i64)>,
    /// The newest metadata with its version; −1 if it is from a checkpoint.
    metadata: Option<(Metadata, i64)>,
    /// The app transactions that were found so far.
    apps: AppVersions,
    /// The newest commit of Headwater that contains the state.
    summary: Option<Own>,
}

impl LogReader<'_> {
    /// Reads the newest state. Returns `None` if there is no table.
    ///
    /// Usually it takes four requests: `_last_checkpoint`, a LIST, the newest commit, and the checkpoint or commit with
    /// the columns. If the log is cleaned up meanwhile, it is read again, [`TRIES`] times in total.
    pub(crate) async fn newest(&self) -> Result<Option<State>, LakeError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once().await {
                Err(LakeError::Moved { .. }) if tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// Reads the newest state once. Fails with [`LakeError::Moved`] if the log is cleaned up meanwhile.
    async fn once(&self) -> Result<Option<State>, LakeError> {
        let segment = self.segment().await?;
        let Some(version) = segment.version() else { return Ok(None) };
        let mut walked = self.walk_back(&segment).await?;
        match walked.summary.take() {
            None => self.complete_from_checkpoint(&segment, &mut walked).await?,
            Some(own) => self.complete_from_summary(own, &segment, &mut walked).await?,
        }
        let (Some((protocol, protocol_version)), Some((metadata, metadata_version))) =
            (walked.protocol, walked.metadata)
        else {
            return Err(self.damaged(FOLDER, "there is no protocol or no metaData in it"));
        };
        let known = |version: i64| (version >= 0).then_some(version);
        Ok(Some(State {
            version,
            protocol,
            protocol_version: known(protocol_version),
            metadata,
            metadata_version: known(metadata_version),
            apps: walked.apps,
        }))
    }

    /// Reads the lines of a commit. Returns `None` if the version does not exist.
    ///
    /// Fails with [`LakeError::Log`] if a line cannot be parsed.
    pub(crate) async fn commit<L: DeserializeOwned>(
        &self,
        version: i64,
    ) -> Result<Option<Vec<L>>, LakeError> {
        let path = commit_path(version);
        let Some(body) = self.store.get(&path, self.deadline).await? else { return Ok(None) };
        actions::parse(&body).map(Some).map_err(|e| self.damaged(&path, &e.to_string()))
    }

    /// Reads the file actions of a commit. Returns `None` if the version does not exist.
    pub(crate) async fn file_actions(&self, version: i64) -> Result<Option<FileActions>, LakeError> {
        let path = commit_path(version);
        let Some(body) = self.store.get(&path, self.deadline).await? else { return Ok(None) };
        FileActions::parse(&body).map(Some).map_err(|e| self.damaged(&path, &e.to_string()))
    }

    /// Passes all file actions to `take`: first those of the checkpoint, then those of its sidecars, then those of each
    /// later commit. After an error, another call with the same `at` continues where it stopped.
    pub(crate) async fn replay(
        &self,
        at: &mut Replay,
        detail: Detail,
        mut take: impl FnMut(FileActions),
    ) -> Result<(), LakeError> {
        while let Some(path) = at.files.front().cloned() {
            let body = self.store.get(&path, self.deadline).await?.ok_or_else(|| self.gone(&path))?;
            let taken = checkpoint::files(&path, body, detail, |mut actions| {
                let sidecars = actions.sidecars.drain(..);
                at.files.extend(sidecars.map(|sidecar| format!("{FOLDER}_sidecars/{}", sidecar.path)));
                take(actions);
            });
            taken.map_err(|reason| self.damaged(&path, &reason))?;
            at.files.pop_front();
        }
        let parse: fn(&[u8]) -> _ = FileActions::parse;
        let mut commits = std::pin::pin!(self.stream(at.commits.clone(), parse));
        while let Some((version, actions)) = commits.try_next().await? {
            take(actions);
            at.commits.start = version + 1;
        }
        Ok(())
    }

    /// Streams the commits of `versions` in their order. Requests some of them ahead and keeps none in memory.
    fn stream<'a, T: Send + 'a>(
        &'a self,
        versions: impl Iterator<Item = i64> + Send + 'a,
        parse: fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> impl Stream<Item = Result<(i64, T), LakeError>> + Send + 'a {
        // Boxed, because the compiler cannot prove that the nested future is `Send`.
        let one = move |version| {
            async move {
                let path = commit_path(version);
                let body = self.store.get(&path, self.deadline).await?.ok_or_else(|| self.gone(&path))?;
                let parsed = parse(&body).map_err(|e| self.damaged(&path, &e.to_string()))?;
                Ok((version, parsed))
            }
            .boxed()
        };
        stream::iter(versions).map(one).buffered(CONCURRENT)
    }

    /// Reads from the newest commit back, until a commit of Headwater contains the state.
    async fn walk_back(&self, segment: &Segment) -> Result<Walked, LakeError> {
        let mut walked = Walked::default();
        // The newest commit first and alone, because it is usually enough.
        let newest = segment.commits.end - 1;
        for versions in
            [newest.max(segment.commits.start)..segment.commits.end, segment.commits.start..newest]
        {
            let parse: fn(&[u8]) -> _ = actions::parse::<StateLine>;
            let mut commits = std::pin::pin!(self.stream(versions.rev(), parse));
            while walked.summary.is_none() {
                let Some((version, lines)) = commits.try_next().await? else { break };
                walked.take_older(version, lines);
            }
        }
        Ok(walked)
    }

    /// Completes the state from a commit of Headwater that contains the app versions.
    async fn complete_from_summary(
        &self,
        own: Own,
        segment: &Segment,
        walked: &mut Walked,
    ) -> Result<(), LakeError> {
        for (app_id, version) in own.app_versions.into_iter().flatten() {
            walked.apps.set_if_absent(app_id, version);
        }
        // The newest first: an older commit must not replace a newer definition.
        let mut versions: Vec<i64> = own.protocol_version.into_iter().chain(own.metadata_version).collect();
        versions.sort_unstable_by_key(|version| std::cmp::Reverse(*version));
        versions.dedup();
        for version in versions {
            if walked.protocol.is_some() && walked.metadata.is_some() {
                return Ok(());
            }
            if let Some(lines) = self.commit::<StateLine>(version).await? {
                walked.take_definitions(version, lines);
            }
        }
        if walked.protocol.is_none() || walked.metadata.is_none() {
            // Their version is unknown, or its commit was cleaned up since. Then a checkpoint has them.
            self.complete_from_checkpoint(segment, walked).await?;
        }
        Ok(())
    }

    /// Completes the state from the checkpoint.
    async fn complete_from_checkpoint(
        &self,
        segment: &Segment,
        walked: &mut Walked,
    ) -> Result<(), LakeError> {
        for file in segment.checkpoint.iter().flat_map(|(_, files)| files) {
            let path = &file.path;
            let lines = if checkpoint::is_json(path) {
                let body = self.store.get(path, self.deadline).await?.ok_or_else(|| self.gone(path))?;
                checkpoint::state_of_json(&body)
            } else {
                let source = Source::of_state(self.store, file, self.deadline).await?;
                checkpoint::state(source.ok_or_else(|| self.gone(path))?)
            };
            walked.take_older(-1, lines.map_err(|reason| self.damaged(path, &reason))?);
        }
        Ok(())
    }

    /// The error for a file that was deleted after it was listed.
    fn gone(&self, path: &str) -> LakeError {
        self.moved(&format!("{path} was listed and is gone"))
    }

    /// The error for a log file that cannot be parsed. A retry does not help.
    pub(crate) fn damaged(&self, file: &str, reason: &str) -> LakeError {
        let table = self.store.location().to_string();
        LakeError::Log { table, file: file.to_owned(), reason: reason.to_owned() }
    }

    /// The error for a log that changed while it was read.
    pub(crate) fn moved(&self, reason: &str) -> LakeError {
        LakeError::Moved { table: self.store.location().to_string(), reason: reason.to_owned() }
    }
}

impl Walked {
    /// Applies lines that are older than all before. Values that are known already stay.
    fn take_older(&mut self, version: i64, lines: Vec<StateLine>) {
        for line in lines {
            if let Some(txn) = line.txn {
                self.apps.set_if_absent(txn.app_id, txn.version);
            }
            if let Some(protocol) = line.protocol {
                self.protocol.get_or_insert((protocol, version));
            }
            if let Some(metadata) = line.meta_data {
                self.metadata.get_or_insert((metadata, version));
            }
            if let Some(own) = line.commit_info.and_then(|info| info.headwater) {
                self.summary = Some(own).filter(|own| own.app_versions.is_some());
            }
        }
    }

    /// Applies protocol and metadata of a commit, if they are not known yet.
    fn take_definitions(&mut self, version: i64, lines: Vec<StateLine>) {
        for line in lines {
            if let Some(protocol) = line.protocol {
                self.protocol.get_or_insert((protocol, version));
            }
            if let Some(metadata) = line.meta_data {
                self.metadata.get_or_insert((metadata, version));
            }
        }
    }
}
