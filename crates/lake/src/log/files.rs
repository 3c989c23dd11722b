//! The names of the log's files, and which of them make up the newest version.

use std::collections::BTreeMap;

/// The log's folder below the table.
pub const FOLDER: &str = "_delta_log/";

/// The commit of a version, below the table.
#[must_use]
pub fn commit_path(version: i64) -> String {
    format!("{FOLDER}{version:020}.json")
}

/// The newest complete checkpoint of a listing and the commits after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Segment {
    /// The checkpoint's version and files (several when it is in parts).
    pub(crate) checkpoint: Option<(i64, Vec<String>)>,
    /// The commits after the checkpoint, in order.
    pub(crate) commits: Vec<i64>,
}

impl Segment {
    /// Sorts the log's paths out. Versions that are missing between others are the error.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut commits = Vec::new();
        let mut checkpoints: BTreeMap<(i64, u32), Vec<String>> = BTreeMap::new();
        for path in paths {
            let Some(name) = path.strip_prefix(FOLDER) else { continue };
            match LogName::parse(name) {
                Some(LogName::Commit(version)) => commits.push(version),
                Some(LogName::Checkpoint { version, parts }) => {
                    checkpoints.entry((version, parts)).or_default().push(path.to_owned());
                }
                None => {}
            }
        }
        commits.sort_unstable();
        let checkpoint = checkpoints.into_iter().rev().find_map(|((version, parts), mut files)| {
            if parts <= 1 {
                // Any one of a version's whole checkpoints will do.
                files.truncate(1);
            }
            (files.len() == parts.max(1) as usize).then_some((version, files))
        });
        let first = checkpoint.as_ref().map_or(0, |(version, _)| version + 1);
        commits.retain(|version| *version >= first);
        for (expected, found) in (first..).zip(&commits) {
            if *found != expected {
                return Err(format!("version {expected} is missing, version {found} is there"));
            }
        }
        Ok(Self { checkpoint, commits })
    }

    /// The newest version, if there is a table at all.
    pub(crate) fn version(&self) -> Option<i64> {
        self.commits.last().copied().or_else(|| self.checkpoint.as_ref().map(|(version, _)| *version))
    }
}

/// A file of the log that belongs to a version, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogName {
    /// The commit of this version.
    Commit(i64),
    /// A checkpoint, or one part of it.
    Checkpoint {
        /// The version.
        version: i64,
        /// How many parts there are; 0 when it is not in parts.
        parts: u32,
    },
}

impl LogName {
    /// `V.json`, `V.checkpoint.parquet`, `V.checkpoint.I.N.parquet`, `V.checkpoint.UUID.(parquet|json)`.
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

    fn segment(names: &[&str]) -> Result<Segment, String> {
        let paths: Vec<String> = names.iter().map(|name| format!("{FOLDER}{name}")).collect();
        Segment::of(paths.iter().map(String::as_str))
    }

    #[test]
    fn commits_alone_make_a_table() {
        let found =
            segment(&["00000000000000000000.json", "00000000000000000001.json", "00000000000000000001.crc"]);
        assert_eq!(found.unwrap(), Segment { checkpoint: None, commits: vec![0, 1] });
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
        assert_eq!((found.commits.as_slice(), found.version()), ([5].as_slice(), Some(5)));
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
}
