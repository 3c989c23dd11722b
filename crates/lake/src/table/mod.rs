//! A Delta table for a writer.

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

/// How long a known version is trusted without reading the log again. After this time the log may have been
/// checkpointed and cleaned up. Then the next version's log entry could be missing although the table is far ahead, and
/// a conditional PUT would succeed. A table whose log retention is not clearly longer is refused (`log/properties.rs`).
const TRUSTED: Duration = Duration::from_mins(15);

/// A Delta table, as one writer sees it.
///
/// It remembers the newest known version between calls. So an append in a warm process needs one PUT per file and one
/// for the commit. Other processes can write to the same table at the same time. Within a process, each task needs its
/// own `Table`.
#[derive(Debug)]
pub struct Table {
    /// The table's location, with a client for it.
    store: ObjectStore,
    /// The writer's columns.
    schema: TableSchema,
    /// The newest version that this writer has seen. `None` before the first call.
    known: Option<Known>,
    /// Whether the current call has read or confirmed the state. If `false`, the state is from an earlier call.
    fresh: bool,
}

impl Table {
    /// A writer for the table at `location`. The first append creates the table. Sends no request.
    #[must_use]
    pub fn new(client: Client, location: S3Location, schema: TableSchema) -> Self {
        Self { store: ObjectStore::new(client, location), schema, known: None, fresh: false }
    }

    /// The table's location on S3.
    #[must_use]
    pub fn location(&self) -> &S3Location {
        self.store.location()
    }

    /// The writer's columns. The table itself can have more.
    #[must_use]
    pub fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// Reads the positions in the newest version from S3. Empty if there is no table yet.
    ///
    /// # Errors
    /// [`LakeError::Unsupported`], [`LakeError::Properties`], [`LakeError::Partitioning`] or [`LakeError::Schema`] if
    /// this writer may not append to the table.
    pub async fn app_versions(&mut self, deadline: Instant) -> Result<&AppVersions, LakeError> {
        self.fresh = false;
        self.confirm(deadline).await?;
        Ok(self.known_apps())
    }

    /// Commits app versions without data, and replaces the current values unconditionally. Used for an operator's
    /// reset.
    ///
    /// # Errors
    /// The same as for [`Self::append`].
    pub async fn set_app_versions(
        &mut self,
        versions: Vec<(String, i64)>,
        deadline: Instant,
    ) -> Result<Committed, LakeError> {
        self.append(&mut append::AppVersionsOnly(versions), deadline).await
    }

    /// Forgets the known version, so that the next call reads the log.
    pub fn forget(&mut self) {
        self.known = None;
        self.fresh = false;
    }

    /// The app versions of the known version; empty if there is no table.
    fn known_apps(&self) -> &AppVersions {
        static NONE: std::sync::LazyLock<AppVersions> = std::sync::LazyLock::new(AppVersions::default);
        self.known.as_ref().and_then(|known| known.state.as_ref()).map_or(&NONE, |state| &state.apps)
    }

    /// The version that the next commit will have.
    fn next_version(&self) -> i64 {
        self.known.as_ref().and_then(|known| known.state.as_ref()).map_or(0, |state| state.version + 1)
    }
}
