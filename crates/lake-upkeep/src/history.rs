//! The newest commits, and what each did.

use chrono::{DateTime, Utc};
use lake::LakeError;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    Keeper,
    actions::{Add, Remove},
    log::Log,
};

/// One commit.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its version.
    pub version: i64,
    /// When it was made, by its writer's clock.
    pub timestamp: Option<DateTime<Utc>>,
    /// `WRITE`, `OPTIMIZE`, …, where the writer says so.
    pub operation: Option<String>,
    /// Which tool wrote it, where it says so.
    pub engine: Option<String>,
    /// Files added.
    pub added: u64,
    /// Their bytes.
    pub added_bytes: u64,
    /// Files removed.
    pub removed: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    commit_info: Option<Value>,
    add: Option<Add>,
    remove: Option<Remove>,
}

impl Keeper {
    /// The newest `limit` commits, newest first; fewer where the log was cleaned up.
    pub async fn history(&self, limit: usize, deadline: Instant) -> Result<Vec<HistoryEntry>, LakeError> {
        let log = Log { store: &self.store, deadline };
        let newest = log.segment().await?.commits.end - 1;
        let mut entries = Vec::new();
        for version in (0..=newest).rev().take(limit) {
            let Some(lines) = log.commit::<Line>(version).await? else { break };
            entries.push(entry(version, &lines));
        }
        Ok(entries)
    }
}

fn entry(version: i64, lines: &[Line]) -> HistoryEntry {
    let info = lines.iter().find_map(|line| line.commit_info.as_ref());
    let text = |key: &str| info.and_then(|info| info.get(key)?.as_str()).map(ToOwned::to_owned);
    let added = lines.iter().filter_map(|line| line.add.as_ref());
    HistoryEntry {
        version,
        timestamp: info
            .and_then(|info| info.get("timestamp")?.as_i64())
            .and_then(DateTime::from_timestamp_millis),
        operation: text("operation"),
        engine: text("engineInfo"),
        added: added.clone().count() as u64,
        added_bytes: added.map(|add| u64::try_from(add.size).unwrap_or(0)).sum(),
        removed: lines.iter().filter(|line| line.remove.is_some()).count() as u64,
    }
}
