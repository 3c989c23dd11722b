//! What the bridge knows of one queue's mapping.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::QueueMapping;
use crate::bridge::status::{BridgeStatus, Lately, lock};

/// The status of a queue's mapping. Times are milliseconds since the epoch, counts since the bridge started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// The queue's name.
    pub queue: String,
    /// Function.
    pub function_name: String,
    /// How it went lately.
    #[serde(flatten)]
    pub lately: Lately,
    /// Invocations that were made.
    pub invocations: u64,
    /// Messages handled, and so deleted.
    pub handled: u64,
    /// Deliveries that failed, and so come again or go to the dead-letter queue.
    pub failed: u64,
}

impl QueueStatus {
    pub(crate) fn of(mapping: &QueueMapping) -> Self {
        Self {
            queue: mapping.queue_name().to_owned(),
            function_name: mapping.function_name.clone(),
            ..Self::default()
        }
    }
}

/// One queue's part of the bridge's status.
#[derive(Debug, Clone)]
pub(crate) struct QueueBoard {
    status: Arc<Mutex<BridgeStatus>>,
    index: usize,
}

impl QueueBoard {
    pub(crate) fn new(status: Arc<Mutex<BridgeStatus>>, index: usize) -> Self {
        Self { status, index }
    }

    fn update(&self, change: impl FnOnce(&mut QueueStatus)) {
        if let Some(queue) = lock(&self.status).queues.get_mut(self.index) {
            change(queue);
        }
    }

    pub(super) fn failed(&self, error: String) {
        self.update(|queue| queue.lately.failed(error));
    }

    /// The queue is polled again.
    pub(super) fn recovered(&self) {
        self.update(|queue| queue.lately.last_error = None);
    }

    pub(super) fn invoking(&self) {
        self.update(|queue| queue.invocations += 1);
    }

    pub(super) fn finished(&self, handled: usize, failed: usize) {
        self.update(|queue| {
            queue.handled += handled as u64;
            queue.failed += failed as u64;
            if handled > 0 {
                queue.lately.succeeded();
            }
        });
    }
}
