//! Which files are put together.
//!
//! A file is never rewritten twice for the same gain. Encoded anew, the rows of many small files need fewer bytes than
//! before, so the size of a result does not tell that it is finished (delta-rs issue 2576). Its name does: a result whose
//! inputs filled half of a group is called `packed-<capacity>-…` and is left alone from then on. Groups are filled in the
//! order in which files were written, and no candidate is larger than half of a group, so every group but the last is
//! more than half full. What remains for the next run is at most one result in a partition, which is no group by itself.

use std::collections::BTreeMap;

use super::Compaction;
use crate::{ActiveFile, Snapshot};

/// Files in a group, so that one commit and one run over it stay small.
const MOST_FILES: usize = 8_192;
/// A file is joined only when the smaller ones together have at least the `WORTH`-th part of its bytes: otherwise each
/// run would rewrite a large file to add a little.
const WORTH: u64 = 2;
const PACKED: &str = "packed-";

/// Files of one partition that become one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// One value for each partition column, in their order.
    pub partition: Vec<Option<String>>,
    /// The files, oldest first.
    pub files: Vec<ActiveFile>,
    capacity: u64,
}

impl Group {
    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The beginning of the result's name.
    pub(super) fn kind(&self) -> String {
        if self.bytes() >= self.capacity / 2 || self.files.len() >= MOST_FILES / 2 {
            format!("{PACKED}{}-", self.capacity)
        } else {
            "data-".to_owned()
        }
    }
}

impl Compaction {
    /// The groups of a table, those of the coldest partition first: the one whose newest file is the oldest.
    ///
    /// Files that are at least half as large as a group may be, and files with deletion vectors, are left alone.
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

/// Whether a file is to be joined with others in groups of up to `capacity` bytes.
#[must_use]
pub fn is_small(key: &str, size: u64, capacity: u64) -> bool {
    size < capacity / 2 && packed_for(key).is_none_or(|of| of < capacity)
}

/// The capacity of the group that a result was made from, if it was at least half full.
fn packed_for(key: &str) -> Option<u64> {
    let name = key.rsplit('/').next()?;
    name.strip_prefix(PACKED)?.split_once('-')?.0.parse().ok()
}
