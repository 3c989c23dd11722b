//! Finds the data files below a table, and which of them the log names.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use lake::{
    LakeError,
    upkeep::{DeletionVector, key_of},
};
use percent_encoding::percent_decode_str;
use s3::{Listed, ObjectStore};
use tokio::time::Instant;

use crate::{deletion_vector, state::State};

/// The keys that the log names, each as two 64-bit hashes. The keys themselves would take ten times the memory.
///
/// If two keys had equal hashes, an object that nothing names would be kept. No needed object can be lost this way.
pub(crate) struct Named {
    keys: HashSet<(u64, u64)>,
    hashers: (RandomState, RandomState),
    /// The table's address in the forms that absolute paths can have.
    roots: [String; 3],
}

impl Named {
    /// All data files and deletion vectors of the state, including those of removed files.
    pub(crate) fn of(state: &State, store: &ObjectStore) -> Self {
        let mut named = Self::of_newest(state, store);
        for remove in state.removed.values() {
            named.add(&remove.path);
            named.add_vector(remove.deletion_vector.as_ref());
        }
        named
    }

    /// The data files and deletion vectors of the newest version only.
    pub(crate) fn of_newest(state: &State, store: &ObjectStore) -> Self {
        let location = store.location();
        let below = format!("{}/{}", location.bucket(), location.key(""));
        let roots = ["s3://", "s3a://", "s3n://"].map(|scheme| format!("{scheme}{below}"));
        let hashers = (RandomState::new(), RandomState::new());
        let mut named = Self { keys: HashSet::new(), hashers, roots };
        for add in state.files.values() {
            named.add(&add.path);
            named.add_vector(add.deletion_vector.as_ref());
        }
        named
    }

    /// Whether the log names this key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.keys.contains(&self.hash(key))
    }

    /// Adds a path from the log. It should be a URI, but some writers have not encoded it. So both the decoded path and
    /// the path as it is are added.
    fn add(&mut self, path: &str) {
        self.insert(path);
        if let Some(decoded) = key_of(path) {
            self.insert(&decoded);
        }
    }

    /// Adds a path. An absolute path below the table is made relative.
    fn insert(&mut self, path: &str) {
        let relative = self.roots.iter().find_map(|root| path.strip_prefix(root.as_str()));
        let hash = self.hash(relative.unwrap_or(path));
        self.keys.insert(hash);
    }

    /// Adds the file of a deletion vector. Inline vectors have no file.
    fn add_vector(&mut self, vector: Option<&DeletionVector>) {
        match vector {
            Some(DeletionVector { storage_type, path_or_inline_dv, .. }) if storage_type == "p" => {
                self.add(path_or_inline_dv);
            }
            Some(DeletionVector { storage_type, path_or_inline_dv, .. }) if storage_type == "u" => {
                if let Some(key) = deletion_vector::key(path_or_inline_dv) {
                    self.insert(&key);
                }
            }
            _ => {}
        }
    }

    /// Two independent hashes of a key. Their seeds are random for each run.
    fn hash(&self, key: &str) -> (u64, u64) {
        (self.hashers.0.hash_one(key), self.hashers.1.hash_one(key))
    }
}

/// Whether a vacuum ignores the object, by Spark's rule: its name or one of its folders starts with `_` or `.`. The
/// folder of a partition column does not count. Returns the end of the hidden part of the path.
///
/// Spark also vacuums `_change_data` and `_delta_index`. Headwater does not write them, and their content is not in a
/// checkpoint, so they are left alone.
fn hidden_at(path: &str, partition_columns: &[String]) -> Option<usize> {
    let mut start = 0;
    for segment in path.split('/') {
        let end = start + segment.len();
        if segment.starts_with(['_', '.']) && !is_partition(segment, partition_columns) {
            return Some(end);
        }
        start = end + 1;
    }
    // Spark stores the Iceberg metadata of a table here.
    path.starts_with("metadata/").then_some("metadata".len())
}

/// Whether a folder is that of a partition column, such as `_day=2026-11-25`.
fn is_partition(segment: &str, columns: &[String]) -> bool {
    let Some((column, _)) = segment.split_once('=') else { return false };
    let column = percent_decode_str(column).decode_utf8_lossy();
    columns.iter().any(|known| *known == column)
}

/// Lists the table's data objects, one page at a time.
pub(crate) struct DataObjects<'a> {
    store: &'a ObjectStore,
    partition_columns: Vec<String>,
    /// The path after which the next page begins; `None` at the end.
    after: Option<String>,
}

impl<'a> DataObjects<'a> {
    /// Starts at the first object of the table. `state` tells the partition columns.
    pub(crate) fn new(store: &'a ObjectStore, state: &State) -> Self {
        Self { store, partition_columns: state.partition_columns(), after: Some(String::new()) }
    }

    /// Returns the next page, or `None` at the end. A page can be empty.
    pub(crate) async fn next(&mut self, deadline: Instant) -> Result<Option<Vec<Listed>>, LakeError> {
        let Some(after) = self.after.take() else { return Ok(None) };
        let (mut page, more) = self.store.list_page("", &after, deadline).await?;
        let columns = &self.partition_columns;
        self.after = page.last().filter(|_| more).map(|last| {
            // Skip a hidden folder, such as the log, instead of listing it. The character after '/' is '0'.
            let folder = hidden_at(&last.path, columns).filter(|end| *end < last.path.len());
            folder.map_or_else(|| last.path.clone(), |end| format!("{}0", &last.path[..end]))
        });
        page.retain(|object| {
            let folder = object.path.is_empty() || object.path.ends_with('/');
            !folder && hidden_at(&object.path, columns).is_none()
        });
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_folders_and_files_are_skipped_but_not_partitions_with_an_underscore() {
        let columns = ["_day".to_owned(), ".x y".to_owned()];
        for path in [
            "_delta_log/00.json",
            "a=1/.part.crc",
            "_SUCCESS",
            "a/_temporary/0/x.parquet",
            "metadata/v1.json",
            "_other=1/x.parquet",
            "_change_data/cdc-0.parquet",
        ] {
            assert!(hidden_at(path, &columns).is_some(), "{path}");
        }
        for path in
            ["x.parquet", "_day=1/x.parquet", ".x%20y=2/x.parquet", "a_b/x.parquet", "metadata.parquet"]
        {
            assert_eq!(hidden_at(path, &columns), None, "{path}");
        }
    }
}
