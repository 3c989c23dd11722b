//! The actions in a checkpoint with all their fields, because what is read must be written again.

use std::collections::BTreeMap;

use lake::upkeep::{DeletionVector, Sidecar, Txn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A map of the protocol whose values may be null: partition values and tags.
pub(crate) type Strings = BTreeMap<String, Option<String>>;

/// An `add` action. `lake` has a smaller one for readers and appending writers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) partition_values: Strings,
    pub(crate) size: i64,
    /// When the file was written, in milliseconds since 1970.
    pub(crate) modification_time: i64,
    pub(crate) data_change: bool,
    /// The statistics of the file, as JSON text.
    pub(crate) stats: Option<String>,
    pub(crate) tags: Option<Strings>,
    pub(crate) deletion_vector: Option<DeletionVector>,
}

impl Add {
    /// The file's size in bytes; 0 if the log has a negative size.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(0)
    }
}

/// A `remove` action.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remove {
    pub(crate) path: String,
    /// When the file was removed, in milliseconds since 1970.
    pub(crate) deletion_timestamp: Option<i64>,
    pub(crate) data_change: bool,
    /// Whether `partition_values` and `size` are set.
    pub(crate) extended_file_metadata: Option<bool>,
    pub(crate) partition_values: Option<Strings>,
    pub(crate) size: Option<i64>,
    pub(crate) deletion_vector: Option<DeletionVector>,
}

/// One line of a commit, or one row of a checkpoint, as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) protocol: Option<Value>,
    pub(crate) meta_data: Option<Value>,
    pub(crate) txn: Option<Txn>,
    pub(crate) add: Option<Add>,
    pub(crate) remove: Option<Remove>,
    pub(crate) sidecar: Option<Sidecar>,
}

/// One row of a checkpoint, as it is written. Exactly one field is set.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meta_data: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) txn: Option<&'a Txn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add: Option<&'a Add>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remove: Option<&'a Remove>,
}
