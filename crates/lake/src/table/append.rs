//! The append: plan, write the data files, write the commit. After a lost commit it starts again with the plan.

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

/// The number of files that are encoded or written to S3 at the same time.
const CONCURRENT: usize = 16;
/// S3's limit for the length of a key, in bytes.
const LONGEST_KEY: usize = 1024;

/// What an append would do at one version of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<T> {
    /// The input that is to be stored, in the writer's own type. If it is equal at the next version, the files that
    /// were already written to S3 are used again.
    pub accepted: T,
    /// The app versions that become visible together with the files.
    pub app_versions: Vec<(String, i64)>,
}

/// The part of an append that the writer implements.
pub trait Append {
    /// The part of the writer's input that is to be stored at some version of the table.
    type Accepted: PartialEq;
    /// The error type of the writer.
    type Error: From<LakeError> + Send;

    /// Decides what is new compared with `apps`. Returns `None` if nothing is new. It is called for every version that
    /// is tried, and can be called again for the same version.
    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<Self::Accepted>>, Self::Error>;

    /// Returns the files of the accepted input, without files for partitions that have no rows. If there are no files,
    /// the commit contains only the app versions.
    ///
    /// The table takes the next file when it has capacity, and drops each file after it is written to S3. Encode in the
    /// iterator, so that memory does not grow with the number of partitions.
    fn files(
        &mut self,
        accepted: &Self::Accepted,
    ) -> impl Iterator<Item = Result<PartitionFile, Self::Error>> + Send;
}

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// The version with the files and app versions. `None` if there was nothing new to commit.
    pub version: Option<i64>,
    /// The number of files in the commit.
    pub files: usize,
    /// The number of rows in these files.
    pub rows: u64,
    /// The size of these files, in bytes.
    pub bytes: u64,
    /// The number of versions that other writers took first.
    pub lost: u32,
}

impl Table {
    /// Appends what `append` plans. Retries after lost commits until `deadline`.
    ///
    /// # Errors
    /// After an error, either everything is committed or nothing is. If S3's response was lost, it is unknown which.
    /// The call can be repeated safely, because the plan checks the positions. Files of a failed append stay on S3
    /// until a vacuum; readers do not see them.
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
            // "Nothing new" and errors are only valid for the newest version, so confirm that it still is the newest.
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

    /// Finds out whose commit took the version. Pauses first, so that competing writers spread out.
    ///
    /// Fails with [`LakeError::Contended`] if the deadline is reached and the commit is not ours.
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
            // It may be our own commit: S3's response can be lost.
            return match self.catch_up(Some(commit_id), deadline).await? {
                Race::Ours => Ok(Race::Ours),
                Race::Lost => Err(LakeError::Contended { table, lost: lost + 1, version }),
            };
        }
        self.catch_up(Some(commit_id), deadline).await
    }

    /// Encodes and writes all files, a limited number at the same time.
    async fn put_files<E: From<LakeError> + Send>(
        &self,
        files: impl Iterator<Item = Result<PartitionFile, E>> + Send,
        deadline: Instant,
    ) -> Result<Vec<Written>, E> {
        // Boxed, because the compiler cannot prove that the nested future is `Send`.
        let put = |file: Result<PartitionFile, E>| match file {
            Ok(file) => self.put_file(file, "data-", deadline).err_into().boxed(),
            Err(failed) => std::future::ready(Err(failed)).boxed(),
        };
        // `buffered` takes the next file only after one in flight is done.
        stream::iter(files).map(put).buffered(CONCURRENT).try_collect().await
    }

    /// Writes a file under a new name that starts with `kind`.
    ///
    /// Fails with [`LakeError::Plan`] if the file does not have one value for each partition column.
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
            // Readers take partition values from the log, not from the path, so the folder can be left out.
            key = name;
        }
        let (size, rows) = (file.bytes.len() as u64, file.rows as u64);
        self.store.put(&key, file.bytes, deadline).await?;
        Ok(Written { key, partition: file.partition, size, rows, stats: file.stats })
    }
}

/// An append of app versions without data.
pub(super) struct AppVersionsOnly(pub(super) Vec<(String, i64)>);

impl Append for AppVersionsOnly {
    type Accepted = ();
    type Error = LakeError;

    // The current values do not matter.
    fn plan(&mut self, _apps: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: self.0.clone() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        std::iter::empty()
    }
}
