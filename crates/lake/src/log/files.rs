//! The names of the log's files, and the choice of those that make up the newest version.

use std::{collections::BTreeMap, ops::Range};

use s3::Listed;

/// The log's folder, relative to the table's location.
pub const FOLDER: &str = "_delta_log/";

/// The path of a version's commit, relative to the table's location.
#[must_use]
pub fn commit_path(version: i64) -> String {
    format!("{FOLDER}{version:020}.json")
}

/// The newest complete checkpoint and the commits after it. Together they make up the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The checkpoint's version and its files (several for a multi-part checkpoint). `None` if there is no checkpoint.
    pub(crate) checkpoint: Option<(i64, Vec<Listed>)>,
    /// The versions of the commits after the checkpoint.
    pub(crate) commits: Range<i64>,
}

impl Segment {
    /// The newest version, or `None` if there is no table.
    pub(crate) fn version(&self) -> Option<i64> {
        (self.commits.end > 0).then_some(self.commits.end - 1)
    }
}

/// The files of the log that were listed so far.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The versions of the commits, in the order of the listing.
    commits: Vec<i64>,
    /// The checkpoint files by version and number of parts (0 for a single file).
    checkpoints: BTreeMap<(i64, u32), Vec<Listed>>,
    /// Versions that exist but were not listed. Cleanup never removes a log file between two that stay.
    skipped: Vec<Range<i64>>,
}

impl Listing {
    /// Adds a page of the listing. Returns `true` if the page goes beyond all files that have a version.
    pub(crate) fn take(&mut self, page: Vec<Listed>) -> bool {
        let mut beyond = false;
        for file in page {
            let Some(name) = file.path.strip_prefix(FOLDER) else { continue };
            beyond |= name.as_bytes().first().is_some_and(|first| *first > b'9');
            match LogName::parse(name) {
                Some(LogName::Commit(version)) => self.commits.push(version),
                Some(LogName::Checkpoint { version, parts }) => {
                    self.checkpoints.entry((version, parts)).or_default().push(file);
                }
                None => {}
            }
        }
        beyond
    }

    /// The newest listed commit.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.commits.iter().max().copied()
    }

    /// Notes that these versions exist but will not be listed.
    pub(crate) fn skip(&mut self, versions: Range<i64>) {
        self.skipped.push(versions);
    }

    /// Returns the segment of the newest version. The error names a version that is missing between others.
    pub(crate) fn segment(&self) -> Result<Segment, String> {
        let complete = |((version, parts), files): (&(i64, u32), &Vec<Listed>)| {
            Some((*version, whole(*parts, files)?.to_vec()))
        };
        let checkpoint = self.checkpoints.iter().rev().find_map(complete);
        let first = checkpoint.as_ref().map_or(0, |(version, _)| version.saturating_add(1));
        let mut commits: Vec<i64> =
            self.commits.iter().copied().filter(|version| *version >= first).collect();
        commits.sort_unstable();
        let mut next = first;
        for found in commits {
            let skipped = |from: i64| self.skipped.iter().any(|some| some.start == from && some.end == found);
            if found != next && !skipped(next) {
                return Err(format!("version {next} is missing, but version {found} exists"));
            }
            next = found.saturating_add(1);
        }
        Ok(Segment { checkpoint, commits: first..next })
    }
}

/// Returns the files of a checkpoint in `parts` parts, out of those that were found. Returns `None` if a part is
/// missing. For checkpoints in a single file (`parts` is 0 or 1), returns the first one found; any of them will do.
#[must_use]
pub fn whole<T>(parts: u32, found: &[T]) -> Option<&[T]> {
    match parts {
        0 | 1 => found.get(..1),
        _ => Some(found).filter(|found| found.len() == parts as usize),
    }
}

/// The name of a log file that belongs to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogName {
    /// The commit of this version.
    Commit(i64),
    /// A checkpoint, or a part of one.
    Checkpoint {
        /// The version of the table that the checkpoint holds.
        version: i64,
        /// The number of parts. 0 for a checkpoint in a single file.
        parts: u32,
    },
}

impl LogName {
    /// Parses a file name: `V.json`, `V.checkpoint.parquet`, `V.checkpoint.I.N.parquet` or
    /// `V.checkpoint.UUID.(parquet|json)`. Returns `None` for every other file.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (version, rest) = name.split_once('.')?;
        if version.len() != 20 || !version.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let version = version.parse().ok()?;
        let pieces: Vec<&str> = rest.split('.').collect();
        match pieces.as_slice() {
            ["json"] => Some(Self::Commit(version)),
            ["checkpoint", "parquet"] => Some(Self::Checkpoint { version, parts: 0 }),
            ["checkpoint", part, parts, "parquet"] => {
                let (part, parts): (u32, u32) = (part.parse().ok()?, parts.parse().ok()?);
                (1..=parts).contains(&part).then_some(Self::Checkpoint { version, parts })
            }
            ["checkpoint", _uuid, "parquet" | "json"] => Some(Self::Checkpoint { version, parts: 0 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str) -> Listed {
        let version =
            s3::ObjectVersion { tag: String::new(), size: 1, modified: chrono::DateTime::UNIX_EPOCH };
        Listed { path: format!("{FOLDER}{name}"), version }
    }

    fn segment(names: &[&str]) -> Result<Segment, String> {
        let mut listing = Listing::default();
        listing.take(names.iter().map(|name| listed(name)).collect());
        listing.segment()
    }

    #[test]
    fn commits_alone_make_a_table() {
        let found =
            segment(&["00000000000000000000.json", "00000000000000000001.json", "00000000000000000001.crc"]);
        assert_eq!(found.unwrap(), Segment { checkpoint: None, commits: 0..2 });
        assert_eq!(segment(&[]).unwrap().version(), None);
    }

    #[test]
    fn the_newest_complete_checkpoint_counts() {
        let found = segment(&[
            "00000000000000000004.checkpoint.parquet",
            "00000000000000000004.json",
            "00000000000000000005.json",
            "00000000000000000005.checkpoint.0000000001.0000000002.parquet",
            "_last_checkpoint",
        ])
        .unwrap();
        assert_eq!(found.checkpoint.as_ref().unwrap().0, 4, "the one of version 5 lacks a part");
        assert_eq!((found.commits.clone(), found.version()), (5..6, Some(5)));
    }

    #[test]
    fn multi_part_and_v2_checkpoints_are_found() {
        let found = segment(&[
            "00000000000000000005.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000005.checkpoint.0000000002.0000000002.parquet",
        ])
        .unwrap();
        assert_eq!(found.checkpoint.unwrap().1.len(), 2);
        for name in
            ["3a0d65cd-4056-49b8-937b-95f9e3ee90e5.json", "3a0d65cd-4056-49b8-937b-95f9e3ee90e5.parquet"]
        {
            let found = segment(&[&format!("00000000000000000007.checkpoint.{name}")]).unwrap();
            assert_eq!(found.version(), Some(7));
        }
    }

    #[test]
    fn a_missing_version_is_an_error() {
        assert!(segment(&["00000000000000000000.json", "00000000000000000002.json"]).is_err());
        assert!(segment(&["00000000000000000002.json"]).is_err());
    }

    #[test]
    fn versions_that_were_skipped_are_not_missing_and_others_are() {
        let mut listing = Listing::default();
        listing.take(vec![listed("00000000000000000000.json")]);
        assert_eq!(listing.newest(), Some(0));
        listing.skip(1..7);
        assert!(listing.take(vec![listed("00000000000000000007.json"), listed("_last_checkpoint")]));
        assert_eq!(listing.segment().unwrap(), Segment { checkpoint: None, commits: 0..8 });
        listing.take(vec![listed("00000000000000000009.json")]);
        assert!(listing.segment().is_err());
    }
}
