//! Plans which files are merged.
//!
//! A file must not be rewritten again and again. The size of a merged file does not show that it is finished, because
//! many small files need fewer bytes after they are merged (delta-rs issue 2576). So its name shows it: if the input
//! filled at least half of a group, the result is called `packed-<capacity>-…` and is not merged again with this
//! capacity.
//!
//! Groups are filled in the order in which the files were written. Every candidate is smaller than half a group, so
//! every group except the last is more than half full. After a run, at most one unfinished result per partition is
//! left, and it is no group by itself.

use std::collections::BTreeMap;

use super::Compaction;
use crate::{ActiveFile, Snapshot};

/// The maximum number of files in a group. It keeps a commit and a merge small.
const MOST_FILES: usize = 8_192;
/// A file is merged only if the smaller files together have at least 1/`WORTH` of its size. Otherwise each run would
/// rewrite a large file to add a few rows.
const WORTH: u64 = 2;
/// The start of the name of a finished file. The group's capacity in bytes follows.
const PACKED: &str = "packed-";

/// Files of one partition that are merged into one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The value of each partition column, in the order of the columns. `None` is null.
    pub partition: Vec<Option<String>>,
    /// The files, oldest first.
    pub files: Vec<ActiveFile>,
    /// The target size for which the group was planned, in bytes.
    capacity: u64,
}

impl Group {
    /// The total size of the files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The start of the new file's name.
    pub(super) fn kind(&self) -> String {
        if self.bytes() >= self.capacity / 2 || self.files.len() >= MOST_FILES / 2 {
            format!("{PACKED}{}-", self.capacity)
        } else {
            "data-".to_owned()
        }
    }
}

impl Compaction {
    /// Returns the groups of a table. The partition whose newest file is the oldest comes first.
    ///
    /// Files of at least half the target size and files with deletion vectors are left out.
    #[must_use]
    pub fn plan(&self, snapshot: &Snapshot) -> Vec<Group> {
        let mut partitions: BTreeMap<Vec<Option<String>>, Vec<&ActiveFile>> = BTreeMap::new();
        for file in snapshot.files() {
            let value = |column| file.partition.get(column).cloned().flatten();
            let partition = snapshot.partition_columns().iter().map(value).collect();
            partitions.entry(partition).or_default().push(file);
        }
        let newest = |files: &[&ActiveFile]| files.iter().map(|file| file.modified).max();
        let mut partitions: Vec<_> = partitions.into_iter().collect();
        partitions.sort_by_key(|(_, files)| newest(files));
        partitions.into_iter().flat_map(|(partition, files)| self.groups(&partition, files)).collect()
    }

    /// Plans the groups of one partition.
    fn groups(&self, partition: &[Option<String>], files: Vec<&ActiveFile>) -> Vec<Group> {
        let capacity = self.target_bytes;
        let small = |file: &&ActiveFile| !file.has_deletions && is_small(&file.key, file.size, capacity);
        let mut files: Vec<_> = files.into_iter().filter(small).collect();
        leave_out_large(&mut files);
        if files.len() < self.min_files.max(2) {
            return Vec::new();
        }
        files.sort_by(|a, b| (a.modified, &a.key).cmp(&(b.modified, &b.key)));
        let mut groups: Vec<Group> = Vec::new();
        let mut room = 0;
        for file in files {
            match groups.last_mut() {
                Some(group) if file.size <= room && group.files.len() < MOST_FILES => {
                    group.files.push(file.clone());
                    room -= file.size;
                }
                _ => {
                    room = capacity - file.size;
                    groups.push(Group { partition: partition.to_vec(), files: vec![file.clone()], capacity });
                }
            }
        }
        groups.retain(|group| group.files.len() > 1);
        groups
    }
}

/// Removes the large files for which a merge is not worth it.
fn leave_out_large(files: &mut Vec<&ActiveFile>) {
    files.sort_by_key(|file| file.size);
    let mut smaller: u64 = files.iter().map(|file| file.size).sum();
    while let Some(largest) = files.last() {
        smaller -= largest.size;
        if largest.size <= smaller.saturating_mul(WORTH) {
            break;
        }
        files.pop();
    }
}

/// Whether a file should be merged into groups of up to `capacity` bytes.
#[must_use]
pub fn is_small(key: &str, size: u64, capacity: u64) -> bool {
    size < capacity / 2 && packed_for(key).is_none_or(|of| of < capacity)
}

/// The capacity of the group from which the file was made, if the group was at least half full.
fn packed_for(key: &str) -> Option<u64> {
    let name = key.rsplit('/').next()?;
    name.strip_prefix(PACKED)?.split_once('-')?.0.parse().ok()
}
