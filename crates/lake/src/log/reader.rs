//! Reads the log: the newest state for a writer, all lines for a reader of the files.

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{
    AppVersions, Checkpoint, FOLDER, Segment, State,
    actions::{self, FileLine, Metadata, Own, Protocol, StateLine},
    checkpoint, commit_path,
};
use objects::ObjectStore;

use crate::LakeError;

/// Requests in flight at a time.
const CONCURRENT: usize = 16;
/// A log may be cleaned up while it is being read; then it is read again, this often.
const TRIES: u32 = 4;

pub(crate) struct LogReader<'a> {
    pub(crate) store: &'a ObjectStore,
    pub(crate) deadline: Instant,
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: i64,
}

/// What was found on the way back from the newest commit.
#[derive(Default)]
struct Walked {
    protocol: Option<(Protocol, i64)>,
    metadata: Option<(Metadata, i64)>,
    apps: AppVersions,
    /// The newest of our own commits that says what the state was.
    summary: Option<Own>,
}

impl LogReader<'_> {
    /// The newest state, or `None` where there is no table.
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

    /// The newest checkpoint and what follows it: a GET and a LIST.
    pub(crate) async fn segment(&self) -> Result<Segment, LakeError> {
        let hint = self.store.get(&format!("{FOLDER}_last_checkpoint"), self.deadline).await?;
        let hint = hint.and_then(|body| serde_json::from_slice::<LastCheckpoint>(&body).ok());
        if let Some(LastCheckpoint { version }) = hint {
            // A hint may be old or wrong: the listing decides.
            if let Ok(segment @ Segment { checkpoint: Some(_), .. }) =
                self.list(&format!("{version:020}")).await?
            {
                return Ok(segment);
            }
        }
        self.list("").await?.map_err(|reason| self.moved(&reason))
    }

    async fn list(&self, after: &str) -> Result<Result<Segment, String>, LakeError> {
        let listed = self.store.list_after(FOLDER, after, self.deadline).await?;
        Ok(Segment::of(listed.iter().map(|object| object.path.as_str())))
    }

    /// A commit's lines, or `None` where there is none of that version.
    pub(crate) async fn commit<L: DeserializeOwned>(
        &self,
        version: i64,
    ) -> Result<Option<Vec<L>>, LakeError> {
        let path = commit_path(version);
        let Some(body) = self.store.get(&path, self.deadline).await? else { return Ok(None) };
        actions::parse(&body).map(Some).map_err(|e| self.damaged(&path, &e.to_string()))
    }

    /// The lines of many commits, in the order of `versions`.
    pub(crate) async fn commits<L: DeserializeOwned + Send>(
        &self,
        versions: impl Iterator<Item = i64>,
    ) -> Result<Vec<(i64, Vec<L>)>, LakeError> {
        // Boxed, because the compiler cannot see through the nested lifetimes that the future is `Send`.
        let one = |version| self.listed(version).boxed();
        stream::iter(versions.map(one).collect::<Vec<_>>()).buffered(CONCURRENT).try_collect().await
    }

    /// Hands all lines about files to `take`: those of the checkpoint, of the sidecars that it names, and of each commit
    /// since, in this order.
    pub(crate) async fn replay(
        &self,
        segment: &Segment,
        mut take: impl FnMut(Vec<FileLine>),
    ) -> Result<(), LakeError> {
        let mut sidecars = Vec::new();
        for path in segment.checkpoint.iter().flat_map(|(_, paths)| paths) {
            let mut lines: Vec<FileLine> = self.checkpoint(path, &checkpoint::FILES).await?;
            sidecars.extend(lines.iter_mut().filter_map(|line| line.sidecar.take()));
            take(lines);
        }
        for sidecar in sidecars {
            let path = format!("{FOLDER}_sidecars/{}", sidecar.path);
            take(self.checkpoint(&path, &checkpoint::FILES).await?);
        }
        for (_, lines) in self.commits(segment.commits.iter().copied()).await? {
            take(lines);
        }
        Ok(())
    }

    async fn listed<L: DeserializeOwned + Send>(&self, version: i64) -> Result<(i64, Vec<L>), LakeError> {
        match self.commit(version).await? {
            Some(lines) => Ok((version, lines)),
            None => Err(self.moved(&format!("version {version} was listed and is gone"))),
        }
    }

    /// From the newest commit back, first one at a time, until one of ours says what the state was.
    async fn walk_back(&self, segment: &Segment) -> Result<Walked, LakeError> {
        let mut walked = Walked::default();
        let mut left = segment.commits.as_slice();
        let mut step = 1;
        while !left.is_empty() && walked.summary.is_none() {
            let (rest, chunk) = left.split_at(left.len().saturating_sub(step));
            for (version, lines) in self.commits::<StateLine>(chunk.iter().rev().copied()).await? {
                walked.take_older(version, lines);
                if walked.summary.is_some() {
                    break;
                }
            }
            (left, step) = (rest, CONCURRENT * 4);
        }
        Ok(walked)
    }

    async fn complete_from_summary(
        &self,
        own: Own,
        segment: &Segment,
        walked: &mut Walked,
    ) -> Result<(), LakeError> {
        for (app_id, version) in own.app_versions.into_iter().flatten() {
            walked.apps.set_if_absent(app_id, version);
        }
        // Newest first: an older commit must not bring back what a newer one replaced.
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
            // They were read from a checkpoint, or their commit was cleaned up since: then a checkpoint has them.
            self.complete_from_checkpoint(segment, walked).await?;
        }
        Ok(())
    }

    async fn complete_from_checkpoint(
        &self,
        segment: &Segment,
        walked: &mut Walked,
    ) -> Result<(), LakeError> {
        let Some((_, paths)) = &segment.checkpoint else { return Ok(()) };
        for path in paths {
            let lines = self.checkpoint::<StateLine>(path, &checkpoint::STATE).await?;
            walked.take_older(-1, lines);
        }
        Ok(())
    }

    /// The lines of one file of a checkpoint.
    pub(crate) async fn checkpoint<L: DeserializeOwned>(
        &self,
        path: &str,
        kinds: &[&str],
    ) -> Result<Vec<L>, LakeError> {
        let body = self.store.get(path, self.deadline).await?;
        let body = body.ok_or_else(|| self.moved(&format!("{path} was listed and is gone")))?;
        Checkpoint { path, body }.lines(kinds).map_err(|reason| self.damaged(path, &reason))
    }

    pub(crate) fn damaged(&self, file: &str, reason: &str) -> LakeError {
        let table = self.store.location().to_string();
        LakeError::Log { table, file: file.to_owned(), reason: reason.to_owned() }
    }

    pub(crate) fn moved(&self, reason: &str) -> LakeError {
        LakeError::Moved { table: self.store.location().to_string(), reason: reason.to_owned() }
    }
}

impl Walked {
    /// Takes in lines that are older than all before: what is known already stays.
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
