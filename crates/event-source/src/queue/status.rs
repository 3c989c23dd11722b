//! The status of an SQS mapping.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::QueueMapping;
use crate::bridge::status::{BridgeStatus, Lately, lock};

/// The status of an SQS mapping. Times are in milliseconds since the Unix epoch. Counts start with the bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// The queue's name.
    pub queue: String,
    /// The mapping's function.
    pub function_name: String,
    /// The last error and the last success.
    #[serde(flatten)]
    pub lately: Lately,
    /// The number of started invocations.
    pub invocations: u64,
    /// The number of messages that the function handled.
    pub handled: u64,
    /// The number of failed deliveries. The queue delivers these messages again or moves them to the dead-letter queue.
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

/// One SQS mapping's part of the shared status.
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

    /// Clears the error after the queue could be polled again.
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
