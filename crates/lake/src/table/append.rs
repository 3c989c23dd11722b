//! The append: plan, encode and put the files, put the commit; after a lost commit once more from the plan.

use faults::Backoff;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};
use s3::PutIfAbsent;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{
    Table,
    commit::{Content, Written},
    resolve::Race,
};
use crate::{
    LakeError, PartitionFile,
    log::{AppVersions, commit_path},
    partition,
};

/// Files that are encoded and on their way to S3 at a time.
const CONCURRENT: usize = 16;
/// S3 takes no longer key, in bytes.
const LONGEST_KEY: usize = 1024;

/// What one append would do at one version of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<T> {
    /// What is to be stored, in the writer's own terms. While it stays equal from one version to the next, files that
    /// are already on S3 are used again.
    pub accepted: T,
    /// The app versions that become visible together with the files.
    pub app_versions: Vec<(String, i64)>,
}

/// A writer's part of an append.
pub trait Append {
    /// What is to be stored of the writer's input at some version of the table.
    type Accepted: PartialEq;
    /// The writer's error.
    type Error: From<LakeError> + Send;

    /// Decides what is new with respect to `apps`; `None` when nothing is. It is called once for every version that is
    /// tried, and may be called again for the same one.
    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<Self::Accepted>>, Self::Error>;

    /// The files of what was accepted, with none for a partition that has no row. Without any file the commit has the
    /// app versions alone.
    ///
    /// The table asks for the next file when it has room for it, and drops each file as soon as S3 has it: encoding
    /// belongs into the iterator, so that memory does not grow with the number of partitions.
    fn files(
        &mut self,
        accepted: &Self::Accepted,
    ) -> impl Iterator<Item = Result<PartitionFile, Self::Error>> + Send;
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// The version that holds the files and the app versions; `None` when there was nothing new to commit.
    pub version: Option<i64>,
    /// Files in the commit.
    pub files: usize,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Versions that other writers took first.
    pub lost: u32,
}

impl Table {
    /// Appends with what `append` plans, until `deadline`.
    ///
    /// After an error nothing, or all of it, is committed: a lost answer can leave it open which. The positions in the plan
    /// make it safe to call again. Files of an append that failed stay on S3, unseen by readers, until a vacuum.
    pub async fn append<A: Append>(
        &mut self,
        append: &mut A,
        deadline: Instant,
    ) -> Result<Committed, A::Error> {
        self.fresh = false;
        self.recall(deadline).await?;
        let commit_id = Uuid::new_v4().to_string();
        let mut backoff = Backoff::new(Duration::from_millis(8), Duration::from_millis(256));
        let mut written: Option<(A::Accepted, Vec<Written>)> = None;
        let mut lost = 0;
        loop {
            let planned = append.plan(self.known_apps());
            // "Nothing new" and "impossible" must not rest on a version that is no longer the newest.
            let plan = match planned {
                Ok(Some(plan)) => plan,
                _ if self.confirm(deadline).await? => continue,
                Ok(None) => return Ok(Committed { lost, ..Committed::default() }),
                Err(refused) => return Err(refused),
            };
            let files = match written.take() {
                Some((accepted, files)) if accepted == plan.accepted => files,
                _ => self.put_files(append.files(&plan.accepted), deadline).await?,
            };
            let content = Content { files: &files, app_versions: &plan.app_versions, commit_id: &commit_id };
            let Some(commit) = self.commit_body(&content) else {
                return Ok(Committed { lost, ..Committed::default() });
            };
            let version = self.next_version();
            let put = self.store.put_if_absent(&commit_path(version), commit.body.clone(), deadline).await;
            let race = match put.map_err(LakeError::from)? {
                PutIfAbsent::Written => {
                    self.committed(commit);
                    Race::Ours
                }
                PutIfAbsent::Lost => self.settle(&commit_id, &mut backoff, lost, deadline).await?,
            };
            if race == Race::Ours {
                let (rows, bytes) = files.iter().fold((0, 0), |(r, b), f| (r + f.rows, b + f.size));
                return Ok(Committed { version: Some(version), files: files.len(), rows, bytes, lost });
            }
            lost += 1;
            written = Some((plan.accepted, files));
        }
    }

    /// Whose commit took the version, after a pause that keeps the losers apart.
    async fn settle(
        &mut self,
        commit_id: &str,
        backoff: &mut Backoff,
        lost: u32,
        deadline: Instant,
    ) -> Result<Race, LakeError> {
        self.fresh = false;
        if !backoff.pause(deadline).await {
            let (table, version) = (self.location().to_string(), self.next_version());
            // It may have been our own commit whose answer was lost.
            return match self.catch_up(Some(commit_id), deadline).await? {
                Race::Ours => Ok(Race::Ours),
                Race::Lost => Err(LakeError::Contended { table, lost: lost + 1, version }),
            };
        }
        self.catch_up(Some(commit_id), deadline).await
    }

    async fn put_files<E: From<LakeError> + Send>(
        &self,
        files: impl Iterator<Item = Result<PartitionFile, E>> + Send,
        deadline: Instant,
    ) -> Result<Vec<Written>, E> {
        // Boxed, because the compiler cannot see through the nested lifetimes that the future is `Send`.
        let put = |file: Result<PartitionFile, E>| match file {
            Ok(file) => self.put_file(file, "data-", deadline).err_into().boxed(),
            Err(failed) => std::future::ready(Err(failed)).boxed(),
        };
        // `buffered` takes the next file only when one in flight is done.
        stream::iter(files).map(put).buffered(CONCURRENT).try_collect().await
    }

    /// Puts a file under a new name that begins with `kind`.
    pub(super) async fn put_file(
        &self,
        file: PartitionFile,
        kind: &str,
        deadline: Instant,
    ) -> Result<Written, LakeError> {
        let columns = self.schema.partition_columns();
        if file.partition.len() != columns.len() {
            let reason = format!("a file has the partition values {:?} for {columns:?}", file.partition);
            return Err(LakeError::Plan { table: self.location().to_string(), reason });
        }
        let name = format!("{kind}{}.parquet", Uuid::new_v4());
        let mut key = partition::folder(columns, &file.partition) + &name;
        if self.location().key(&key).len() > LONGEST_KEY {
            // Readers take partition values from the log, never from the path.
            key = name;
        }
        let (size, rows) = (file.bytes.len() as u64, file.rows as u64);
        self.store.put(&key, file.bytes, deadline).await?;
        Ok(Written { key, partition: file.partition, size, rows, stats: file.stats })
    }
}

/// App versions without data.
pub(super) struct AppVersionsOnly(pub(super) Vec<(String, i64)>);

impl Append for AppVersionsOnly {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, _apps: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: self.0.clone() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        std::iter::empty()
    }
}
