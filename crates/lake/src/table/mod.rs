//! A table that is appended to.

mod append;
mod commit;
mod resolve;
mod rewrite;

use s3::{Client, ObjectStore, S3Location};
use tokio::time::{Duration, Instant};

pub use crate::log::AppVersions;
use crate::{LakeError, TableSchema};
pub use append::{Append, Committed, Plan};
use resolve::Known;
pub use rewrite::{Rewritten, Since};

/// A known version is trusted this long. Past it the log is read anew: it may have been checkpointed and cleaned up, and
/// the version after ours may be free again although the table has long moved on. A table whose log retention is not
/// clearly longer is refused (`log/properties.rs`).
const TRUSTED: Duration = Duration::from_mins(15);

/// A Delta table, as one writer sees it.
///
/// Between calls it remembers the newest version that it knows, so that a warm append is one PUT for each file and one for
/// the commit. Writers in other processes are expected; within a process each task has its own `Table`.
#[derive(Debug)]
pub struct Table {
    store: ObjectStore,
    schema: TableSchema,
    known: Option<Known>,
    /// The state was read or confirmed by the current call, not remembered from an earlier one.
    fresh: bool,
}

impl Table {
    /// The table at `location`, which is created by the first append. No request is sent yet.
    #[must_use]
    pub fn new(client: Client, location: S3Location, schema: TableSchema) -> Self {
        Self { store: ObjectStore::new(client, location), schema, known: None, fresh: false }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &S3Location {
        self.store.location()
    }

    /// Its columns, as this writer has them.
    #[must_use]
    pub fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// The positions of the newest version, read from S3 now. Empty where there is no table yet.
    pub async fn app_versions(&mut self, deadline: Instant) -> Result<&AppVersions, LakeError> {
        self.fresh = false;
        self.confirm(deadline).await?;
        Ok(self.known_apps())
    }

    /// Commits versions of app ids without data, whatever they were before: an operator's reset.
    pub async fn set_app_versions(
        &mut self,
        versions: Vec<(String, i64)>,
        deadline: Instant,
    ) -> Result<Committed, LakeError> {
        self.append(&mut append::AppVersionsOnly(versions), deadline).await
    }

    /// Forgets the known version: the next call reads the log.
    pub fn forget(&mut self) {
        self.known = None;
        self.fresh = false;
    }

    fn known_apps(&self) -> &AppVersions {
        static NONE: std::sync::LazyLock<AppVersions> = std::sync::LazyLock::new(AppVersions::default);
        self.known.as_ref().and_then(|known| known.state.as_ref()).map_or(&NONE, |state| &state.apps)
    }

    /// The version that the next commit would have.
    fn next_version(&self) -> i64 {
        self.known.as_ref().and_then(|known| known.state.as_ref()).map_or(0, |state| state.version + 1)
    }
}
