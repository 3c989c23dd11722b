//! The version checksum: a summary of a version beside the log, which readers take its definitions and positions from
//! without reading the log, and hold the table against.

use lake::upkeep::{FOLDER, Txn};
use serde::Serialize;
use serde_json::Value;

use crate::state::State;

/// The fields that the protocol requires, and the positions. A reader takes a missing optional field as unknown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    table_size_bytes: u64,
    num_files: usize,
    num_metadata: u8,
    num_protocol: u8,
    set_transactions: Vec<Txn>,
    metadata: &'a Value,
    protocol: &'a Value,
}

/// The checksum of a version, whose `metadata` has its required collections.
pub(crate) fn encode(state: &State, metadata: &Value) -> serde_json::Result<Vec<u8>> {
    let sizes = state.files.values().map(|add| u64::try_from(add.size).unwrap_or(0));
    let txns = state.txns.iter().map(|(app_id, (version, last_updated))| Txn {
        app_id: app_id.clone(),
        version: *version,
        last_updated: *last_updated,
    });
    serde_json::to_vec(&Checksum {
        table_size_bytes: sizes.sum(),
        num_files: state.files.len(),
        num_metadata: 1,
        num_protocol: 1,
        set_transactions: txns.collect(),
        metadata,
        protocol: &state.protocol,
    })
}

pub(crate) fn path(version: i64) -> String {
    format!("{FOLDER}{version:020}.crc")
}
