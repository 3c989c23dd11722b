//! The version checksum file: a summary of one version, next to its commit (Delta protocol, "Version Checksum File").
//! Readers take protocol, metadata and app transactions from it without reading the log, and can check the table
//! against it.

use lake::upkeep::{FOLDER, Txn};
use serde::Serialize;
use serde_json::Value;

use crate::{actions::Add, state::State};

/// The fields that the protocol requires, and the app transactions. Readers treat a missing optional field as unknown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    /// The total size of the active files.
    table_size_bytes: u64,
    /// The number of active files.
    num_files: usize,
    num_metadata: u8,
    num_protocol: u8,
    /// The app transactions, which hold the writers' positions.
    set_transactions: Vec<&'a Txn>,
    metadata: &'a Value,
    protocol: &'a Value,
}

/// Builds the checksum file of a version. `metadata` must have its required collections.
pub(crate) fn encode(state: &State, metadata: &Value) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Checksum {
        table_size_bytes: state.files.values().map(Add::bytes).sum(),
        num_files: state.files.len(),
        num_metadata: 1,
        num_protocol: 1,
        set_transactions: state.txns.values().collect(),
        metadata,
        protocol: &state.protocol,
    })
}

/// The path of a version's checksum file: `_delta_log/<20 digits>.crc`.
pub(crate) fn path(version: i64) -> String {
    format!("{FOLDER}{version:020}.crc")
}
