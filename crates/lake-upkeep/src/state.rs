//! The state of a table at one version, with everything that a checkpoint contains.

use std::collections::{BTreeMap, HashMap};

use lake::{
    LakeError,
    upkeep::{DeletionVector, Txn},
};
use serde_json::Value;

use crate::actions::{Add, Line, Remove};

/// A file together with its deletion vector. The Delta protocol calls it a logical file.
type FileId = (String, Option<DeletionVector>);

/// The state of a table at one version.
#[derive(Debug)]
pub(crate) struct State {
    /// The version that this state shows.
    pub(crate) version: i64,
    /// The newest `protocol` action, with all its fields; null before the first one.
    pub(crate) protocol: Value,
    /// The newest `metaData` action, with all its fields; null before the first one.
    pub(crate) metadata: Value,
    /// The app transactions, by app id.
    pub(crate) txns: BTreeMap<String, Txn>,
    /// The active files.
    pub(crate) files: HashMap<FileId, Add>,
    /// The removed files that the log still remembers.
    pub(crate) removed: HashMap<FileId, Remove>,
}

impl State {
    /// An empty state, to which the log from the next version on is applied.
    pub(crate) fn new(version: i64) -> Self {
        let (protocol, metadata) = (Value::Null, Value::Null);
        let (txns, files, removed) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self { version, protocol, metadata, txns, files, removed }
    }

    /// Applies the lines of a commit, or some rows of a checkpoint.
    pub(crate) fn take(&mut self, version: i64, lines: Vec<Line>) {
        self.version = version;
        let mut added = Vec::new();
        for line in lines {
            if let Some(protocol) = line.protocol {
                self.protocol = protocol;
            }
            if let Some(metadata) = line.meta_data {
                self.metadata = metadata;
            }
            if let Some(txn) = line.txn {
                self.txns.insert(txn.app_id.clone(), txn);
            }
            if let Some(remove) = line.remove {
                let id = (remove.path.clone(), remove.deletion_vector.clone());
                self.files.remove(&id);
                self.removed.insert(id, remove);
            }
            added.extend(line.add);
        }
        // The order of the lines in a commit has no meaning (Delta protocol). So removes apply to the files before the
        // commit.
        for add in added {
            let id = (add.path.clone(), add.deletion_vector.clone());
            self.removed.remove(&id);
            self.files.insert(id, add);
        }
    }

    /// Checks that the log has a protocol and metadata, and that this crate supports everything the table requires.
    pub(crate) fn check(&self, table: &str) -> Result<(), LakeError> {
        if self.protocol.is_null() || self.metadata.is_null() {
            let reason = "there is no protocol or no metaData in it".to_owned();
            return Err(LakeError::Log { table: table.to_owned(), file: "_delta_log/".to_owned(), reason });
        }
        lake::upkeep::check(table, &self.protocol, &self.metadata)
    }

    /// Forgets the files that were removed before `cutoff` (milliseconds since 1970). A removal without a time counts
    /// as old, as the Delta protocol says.
    pub(crate) fn expire(&mut self, cutoff: i64) {
        self.removed.retain(|_, remove| remove.deletion_timestamp.unwrap_or(0) >= cutoff);
    }

    /// The names of the table's partition columns.
    pub(crate) fn partition_columns(&self) -> Vec<String> {
        let columns = self.metadata.get("partitionColumns").and_then(Value::as_array);
        columns.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}
