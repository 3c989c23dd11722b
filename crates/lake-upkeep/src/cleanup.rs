//! Log cleanup: deletes the log files that are older than the retention.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lake::{
    LakeError,
    upkeep::{FOLDER, LogName, whole},
};
use s3::{Listed, NotDeleted};
use tokio::time::Instant;

use crate::{Keeper, Reading, keeper::before, log::Log, vacuum::LAST_PAGE};

/// Sidecars younger than this are kept, because the checkpoint that names them may not be written yet.
const YOUNGEST_SIDECAR: Duration = Duration::from_hours(24);

/// The result of [`Keeper::clean_log`]. In a dry run: what it would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// The oldest version that can be read after the cleanup. `None` if nothing was old enough to delete.
    pub oldest: Option<i64>,
    /// The number of log files that were deleted.
    pub files: u64,
    /// The size of the deleted files, in bytes.
    pub bytes: u64,
    /// Files that the object store refused to delete.
    pub refused: Vec<NotDeleted>,
    /// Whether the whole log was looked at. If `false`, the deadline was near. Call again.
    pub complete: bool,
}

/// The checkpoint at which the log is cut. All log files of earlier versions can be deleted.
struct Cut {
    /// The oldest version that can be read afterwards.
    version: i64,
    /// The checkpoint's files: one, or all parts.
    paths: Vec<String>,
}

impl Reading {
    /// Deletes the commits, checkpoints, checksums and sidecars that no version within `retention` needs.
    /// With `dry_run` it deletes nothing.
    ///
    /// The newest commit older than the retention, and every later one, can still be read afterwards. So the
    /// log is cut at the newest checkpoint at or before that commit. This checkpoint is read completely
    /// first. The newest version does not need the deleted files, because the reading began at this
    /// checkpoint or a later one.
    ///
    /// # Errors
    /// [`LakeError::Log`] if the checkpoint at the cut is damaged; then nothing is deleted.
    pub async fn clean_log(
        &self,
        retention: Duration,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Cleaned, LakeError> {
        if !self.is_whole() {
            return Ok(Cleaned::default());
        }
        let nothing = Cleaned { complete: true, ..Cleaned::default() };
        let Some((newest, _)) = self.segment.checkpoint else { return Ok(nothing) };
        let cutoff = before(self.now, retention);
        let Some(cut) = self.keeper.cut(newest, cutoff, deadline).await? else { return Ok(nothing) };
        let youngest_sidecar = cutoff.min(before(self.now, YOUNGEST_SIDECAR));
        self.keeper.clean_before(&cut, youngest_sidecar, dry_run, deadline).await
    }
}

impl Keeper {
    /// Reads the table and then does the same as [`Reading::clean_log`]. `now` is the time that the retention
    /// is counted from.
    ///
    /// # Errors
    /// Those of [`Self::read`] and of [`Reading::clean_log`].
    pub async fn clean_log(
        &self,
        retention: Duration,
        dry_run: bool,
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Cleaned, LakeError> {
        self.read(now, deadline).await?.clean_log(retention, dry_run, deadline).await
    }

    /// Deletes the log files before the cut, page by page.
    async fn clean_before(
        &self,
        cut: &Cut,
        youngest_sidecar: DateTime<Utc>,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Cleaned, LakeError> {
        let log = Log { store: &self.store, deadline };
        self.prove(&log, cut).await?;
        let mut done = Cleaned { oldest: Some(cut.version), ..Cleaned::default() };
        let mut after = FOLDER.to_owned();
        loop {
            if Instant::now() + LAST_PAGE >= deadline {
                return Ok(done);
            }
            let (page, more) = self.store.list_page(FOLDER, &after, deadline).await?;
            let Some(last) = page.last().map(|file| file.path.clone()) else { break };
            // Names start with the version and are listed in order, so the rest of the log belongs to later versions.
            let beyond = page.iter().any(|file| version_of(&file.path).is_some_and(|v| v > cut.version));
            let old: Vec<Listed> = page.into_iter().filter(|file| goes(&file.path, cut.version)).collect();
            self.remove(&old, dry_run, &mut done, deadline).await?;
            if beyond || !more {
                break;
            }
            after = last;
        }
        self.clean_sidecars(&log, cut, youngest_sidecar, dry_run, &mut done).await?;
        done.complete = true;
        Ok(done)
    }

    /// Finds the cut: the newest complete checkpoint that is at or before both version `newest` and the newest commit
    /// at or before `cutoff`.
    async fn cut(
        &self,
        newest: i64,
        cutoff: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Option<Cut>, LakeError> {
        let mut checkpoints: BTreeMap<(i64, u32), Vec<String>> = BTreeMap::new();
        let (mut old, mut latest) = (None, DateTime::<Utc>::MIN_UTC);
        let mut after = FOLDER.to_owned();
        'log: loop {
            let (page, more) = self.store.list_page(FOLDER, &after, deadline).await?;
            for Listed { path, version: object } in &page {
                let Some(name) = path.strip_prefix(FOLDER) else { continue };
                match LogName::parse(name) {
                    Some(LogName::Commit(version)) => {
                        // Storage nodes have different clocks, and an object that was copied back is younger than the
                        // next version. A version is never older than the one before it, so the latest time so far
                        // counts.
                        latest = latest.max(object.modified);
                        if latest > cutoff {
                            break 'log;
                        }
                        old = Some(version);
                    }
                    Some(LogName::Checkpoint { version, parts }) => {
                        checkpoints.entry((version, parts)).or_default().push(path.clone());
                    }
                    None => {}
                }
            }
            match page.last() {
                Some(last) if more => after.clone_from(&last.path),
                _ => break,
            }
        }
        let Some(old) = old.map(|old: i64| old.min(newest)) else { return Ok(None) };
        let mut newest_first = checkpoints.iter().rev().filter(|((version, _), _)| *version <= old);
        Ok(newest_first.find_map(|((version, parts), paths)| {
            Some(Cut { version: *version, paths: whole(*parts, paths)?.to_vec() })
        }))
    }

    /// Reads the checkpoint at the cut completely, to make sure that it is not damaged.
    async fn prove(&self, log: &Log<'_>, cut: &Cut) -> Result<(), LakeError> {
        let (mut protocol, mut metadata) = (false, false);
        let mut sidecars = Vec::new();
        for path in &cut.paths {
            let named = log.checkpoint_file(path, |line| {
                protocol |= line.protocol.is_some();
                metadata |= line.meta_data.is_some();
            });
            sidecars.extend(named.await?);
        }
        for sidecar in sidecars {
            log.checkpoint_file(&format!("{FOLDER}_sidecars/{}", sidecar.path), drop).await?;
        }
        if protocol && metadata {
            return Ok(());
        }
        Err(log.damaged(&cut.paths.join(", "), "the checkpoint has no protocol or no metaData"))
    }

    /// Deletes the sidecars that no checkpoint from the cut on names.
    async fn clean_sidecars(
        &self,
        log: &Log<'_>,
        cut: &Cut,
        youngest: DateTime<Utc>,
        dry_run: bool,
        done: &mut Cleaned,
    ) -> Result<(), LakeError> {
        let folder = format!("{FOLDER}_sidecars/");
        let mut sidecars = self.store.list_below(&folder, log.deadline).await?;
        sidecars.retain(|file| file.version.modified < youngest);
        if sidecars.is_empty() {
            return Ok(());
        }
        let mut named = HashSet::new();
        let first = format!("{:020}", cut.version);
        for file in self.store.list_after(FOLDER, &first, log.deadline).await? {
            let name = file.path.strip_prefix(FOLDER).and_then(LogName::parse);
            if let Some(LogName::Checkpoint { parts: 0, .. }) = name {
                let found = log.checkpoint_file(&file.path, drop).await?;
                named.extend(found.into_iter().map(|sidecar| format!("{folder}{}", sidecar.path)));
            }
        }
        sidecars.retain(|file| !named.contains(&file.path));
        self.remove(&sidecars, dry_run, done, log.deadline).await
    }

    /// Deletes files and adds the result to `done`.
    async fn remove(
        &self,
        files: &[Listed],
        dry_run: bool,
        done: &mut Cleaned,
        deadline: Instant,
    ) -> Result<(), LakeError> {
        let deleted = self.delete(files, dry_run, deadline).await?;
        (done.files, done.bytes) = (done.files + deleted.files, done.bytes + deleted.bytes);
        done.refused.extend(deleted.refused);
        Ok(())
    }
}

/// The version at the start of a file's name.
fn version_of(path: &str) -> Option<i64> {
    let (version, _) = path.strip_prefix(FOLDER)?.split_once('.')?;
    (version.len() == 20 && version.bytes().all(|b| b.is_ascii_digit())).then(|| version.parse().ok())?
}

/// Whether a log file is deleted if the log is cut at `cut`. Files with unknown names stay.
fn goes(path: &str, cut: i64) -> bool {
    let Some(version) = version_of(path) else { return false };
    let rest = path.rsplit('/').next().and_then(|name| name.get(21..)).unwrap_or_default();
    let compacted = rest.ends_with(".compacted.json");
    let known = path.strip_prefix(FOLDER).and_then(LogName::parse).is_some() || rest == "crc" || compacted;
    // A compacted log file that starts at the cut contains a commit that is in the checkpoint too.
    known && (version < cut || (compacted && version == cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_files_of_earlier_versions_are_deleted() {
        for (name, gone) in [
            ("00000000000000000006.json", true),
            ("00000000000000000006.crc", true),
            ("00000000000000000006.checkpoint.parquet", true),
            ("00000000000000000006.checkpoint.0000000001.0000000002.parquet", true),
            ("00000000000000000006.checkpoint.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.json", true),
            ("00000000000000000006.00000000000000000009.compacted.json", true),
            ("00000000000000000007.00000000000000000009.compacted.json", true),
            ("00000000000000000007.json", false),
            ("00000000000000000007.crc", false),
            ("00000000000000000007.checkpoint.parquet", false),
            ("00000000000000000006.json.tmp", false),
            ("_last_checkpoint", false),
            (".00000000000000000006.json.crc", false),
            ("6.json", false),
        ] {
            assert_eq!(goes(&format!("{FOLDER}{name}"), 7), gone, "{name}");
        }
    }
}
