//! The bridge's status, written to a file that other tools read.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka::CommitMark;
use serde::{Deserialize, Serialize};

use super::BridgeConfig;
use super::clock::epoch_ms;
use crate::Finished;
use crate::queue::QueueBoard;

pub use crate::queue::QueueStatus;

/// How often a changed status is written. An unchanged status is written every tenth time, to show that the bridge is
/// alive.
const EVERY: Duration = Duration::from_millis(500);

/// The bridge's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeStatus {
    /// The bridge's process id.
    pub pid: u32,
    /// `false` after an orderly stop.
    pub running: bool,
    /// When the bridge started, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// When this status was written. If it is older than about 10 s, the bridge is no longer running.
    pub updated_at_ms: i64,
    /// The Kafka mappings, in the order of the configuration.
    pub mappings: Vec<MappingStatus>,
    /// The SQS mappings, in the order of the configuration.
    #[serde(default)]
    pub queues: Vec<QueueStatus>,
}

/// The last error and the last success of a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    /// The last error's text.
    pub last_error: Option<String>,
    /// When the last error occurred.
    pub last_error_at_ms: Option<i64>,
    /// When the function last handled something. If it is later than the last error, the error is over.
    pub last_success_at_ms: Option<i64>,
}

impl Lately {
    /// The last error, unless it is over.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.last_error.as_deref().filter(|_| self.last_error_at_ms > self.last_success_at_ms)
    }

    /// Records an error and its time.
    pub(crate) fn failed(&mut self, error: String) {
        self.last_error = Some(error);
        self.last_error_at_ms = Some(epoch_ms());
    }

    /// Records a success, which ends the last error.
    pub(crate) fn succeeded(&mut self) {
        self.last_success_at_ms = Some(epoch_ms());
    }
}

/// The status of one Kafka mapping. Times are in milliseconds since the Unix epoch. Counts start with the bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingStatus {
    /// The mapping's consumer group.
    pub consumer_group: String,
    /// The mapping's topic.
    pub topic: String,
    /// The mapping's function.
    pub function_name: String,
    /// The last error and the last success.
    #[serde(flatten)]
    pub lately: Lately,
    /// The number of started invocations, including retries.
    pub invocations: u64,
    /// The number of invocations that were retries of a batch.
    pub retries: u64,
    /// The number of handled records.
    pub handled: u64,
    /// The number of records that were given up.
    pub given_up: u64,
    /// The committed offset of each partition that is assigned to this bridge.
    pub committed: BTreeMap<i32, i64>,
    /// The number of offsets that were skipped because Kafka deleted them before they were read.
    #[serde(default)]
    pub skipped: u64,
    /// All skipped ranges of each partition, also from earlier runs, until an operator accepts the loss.
    #[serde(default)]
    pub lost: BTreeMap<i32, Vec<Range<i64>>>,
}

/// Reads a status file. Content that is not a status is an error too.
///
/// A missing file is an error of kind `NotFound`: the bridge has never run.
pub fn read(path: &Path) -> std::io::Result<BridgeStatus> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// The shared status that the bridge's tasks update.
#[derive(Debug, Clone)]
pub(super) struct StatusBoard {
    status: Arc<Mutex<BridgeStatus>>,
    /// The status file; `None` for no file.
    path: Option<PathBuf>,
}

/// One Kafka mapping's part of the shared status.
#[derive(Debug, Clone)]
pub(super) struct MappingBoard {
    status: Arc<Mutex<BridgeStatus>>,
    /// The mapping's index in the configuration.
    index: usize,
}

impl StatusBoard {
    pub(super) fn new(config: &BridgeConfig) -> Self {
        let mappings = config
            .mappings
            .iter()
            .map(|mapping| MappingStatus {
                consumer_group: mapping.consumer_group.clone(),
                topic: mapping.topic.clone(),
                function_name: mapping.function_name.clone(),
                ..MappingStatus::default()
            })
            .collect();
        let now = epoch_ms();
        let status = BridgeStatus {
            pid: std::process::id(),
            running: true,
            started_at_ms: now,
            updated_at_ms: now,
            mappings,
            queues: config.queues.iter().map(QueueStatus::of).collect(),
        };
        Self { status: Arc::new(Mutex::new(status)), path: config.status_path.clone() }
    }

    pub(super) fn mapping(&self, index: usize) -> MappingBoard {
        MappingBoard { status: Arc::clone(&self.status), index }
    }

    pub(super) fn queue(&self, index: usize) -> QueueBoard {
        QueueBoard::new(Arc::clone(&self.status), index)
    }

    /// Marks an orderly stop. A reader can tell it from a bridge that was killed.
    pub(super) fn set_stopped(&self) {
        lock(&self.status).running = false;
    }

    /// Replaces the file atomically: a reader sees the old or the new content, never a part of it.
    pub(super) fn write(&self) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let json = {
            let mut status = lock(&self.status);
            status.updated_at_ms = epoch_ms();
            serde_json::to_vec_pretty(&*status)?
        };
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".new");
        std::fs::write(&unfinished, json)?;
        std::fs::rename(&unfinished, path)
    }

    /// Writes the file every [`EVERY`] if the status has changed. A failed write is logged and tried again.
    pub(super) async fn keep_written(self) {
        let mut written = (Vec::new(), Vec::new());
        let mut skipped = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            let current = {
                let status = lock(&self.status);
                (status.mappings.clone(), status.queues.clone())
            };
            skipped += 1;
            if current == written && skipped < 10 {
                continue;
            }
            match self.write() {
                Ok(()) => (written, skipped) = (current, 0),
                Err(error) => tracing::warn!(%error, "the bridge's status was not written"),
            }
        }
    }
}

impl MappingBoard {
    /// Changes the status of this mapping under the lock.
    fn update(&self, change: impl FnOnce(&mut MappingStatus)) {
        if let Some(mapping) = lock(&self.status).mappings.get_mut(self.index) {
            change(mapping);
        }
    }

    pub(super) fn failed(&self, error: String) {
        self.update(|mapping| mapping.lately.failed(error));
    }

    /// Counts an invocation. `attempt` is 1 for the first delivery of a batch.
    pub(super) fn invoking(&self, attempt: u32) {
        self.update(|mapping| {
            mapping.invocations += 1;
            mapping.retries += u64::from(attempt > 1);
        });
    }

    /// Counts handled and given-up records. Handled records end the last error.
    pub(super) fn finished(&self, finished: Finished) {
        self.update(|mapping| {
            mapping.handled += finished.handled as u64;
            mapping.given_up += finished.given_up as u64;
            if finished.handled > 0 {
                mapping.lately.succeeded();
            }
        });
    }

    /// Sets the committed offsets of these partitions.
    pub(super) fn committed(&self, offsets: &BTreeMap<i32, i64>) {
        self.update(|mapping| mapping.committed.extend(offsets));
    }

    /// Removes partitions that are no longer assigned to this bridge.
    pub(super) fn released(&self, partitions: &[i32]) {
        self.update(|mapping| {
            mapping.committed.retain(|partition, _| !partitions.contains(partition));
            mapping.lost.retain(|partition, _| !partitions.contains(partition));
        });
    }

    /// Adds the length of a skipped range.
    pub(super) fn skipped(&self, offsets: &Range<i64>) {
        self.update(|mapping| mapping.skipped += offsets.end.saturating_sub(offsets.start).unsigned_abs());
    }

    /// Replaces the lost ranges of a partition by those of its mark.
    pub(super) fn lost(&self, partition: i32, mark: &CommitMark) {
        self.update(|mapping| {
            if mark.lost().is_empty() {
                mapping.lost.remove(&partition);
            } else {
                mapping.lost.insert(partition, mark.lost().to_vec());
            }
        });
    }
}

pub(crate) fn lock(status: &Mutex<BridgeStatus>) -> MutexGuard<'_, BridgeStatus> {
    // A poisoned lock is no problem: a status is plain data and always valid.
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
