//! The SQS event source mapping: it receives messages from a queue and invokes a Lambda function.
//!
//! The queue keeps the delivery state. It hides a received message for the visibility time-out and delivers it again
//! unless it was deleted. After too many deliveries it moves the message to the dead-letter queue. So this module does
//! not count attempts, and no message is lost if this process ends.
//!
//! Messages are received only when an invocation can start at once. AWS receives messages first, so there each wait for
//! a throttled function counts as a delivery.

mod deliver;
mod event;
mod mapping;
mod poll;
mod response;
mod status;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::bridge::functions::{Functions, shortened};

pub use mapping::QueueMapping;
pub(crate) use status::QueueBoard;
pub use status::QueueStatus;

/// The number of concurrent batches if the mapping does not set one. AWS starts with the same number.
const CONCURRENCY: u32 = 5;

/// The task of one SQS mapping. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct QueueLane(Arc<Inner>);

/// What the tasks of one mapping share.
#[derive(Debug)]
struct Inner {
    mapping: QueueMapping,
    /// Without retries: the loop of [`QueueLane::serve`] retries.
    sqs: Client,
    functions: Functions,
    status: QueueBoard,
}

impl QueueLane {
    /// Creates the lane and a client for its queue. Sends no request.
    pub(crate) fn new(
        sdk: &SdkConfig,
        functions: Functions,
        mapping: QueueMapping,
        status: QueueBoard,
    ) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk).retry_config(RetryConfig::disabled()).build();
        Self(Arc::new(Inner { mapping, sqs: Client::from_conf(config), functions, status }))
    }

    /// Serves the queue until the bridge stops, and then waits for the batches in flight. While it runs, the queue, the
    /// emulator and the function may disappear and return.
    ///
    /// After an error it waits 250 ms, and longer after each further error, up to 2 s.
    pub(crate) async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let most = self.0.mapping.maximum_concurrency.unwrap_or(CONCURRENCY);
        let slots = Arc::new(Semaphore::new(most as usize));
        let mut flights = JoinSet::new();
        let mut failures = 0_u32;
        while !*stopped.borrow() {
            let slot = tokio::select! {
                slot = Arc::clone(&slots).acquire_owned() => slot,
                _ = stopped.changed() => break,
            };
            // The semaphore is never closed, so this cannot fail.
            let Ok(slot) = slot else { break };
            while flights.try_join_next().is_some() {}
            match self.gather(&stopped).await {
                Ok(gathered) => {
                    if std::mem::take(&mut failures) > 0 {
                        self.0.status.recovered();
                    }
                    if !gathered.messages.is_empty() {
                        let flight = self.clone().deliver(gathered, stopped.clone());
                        flights.spawn(async move {
                            flight.await;
                            drop(slot);
                        });
                    }
                }
                Err(error) => {
                    drop(slot);
                    self.0.status.failed(shortened(&error));
                    failures = failures.saturating_add(1);
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(250) * failures.min(8)) => {}
                        _ = stopped.changed() => {}
                    }
                }
            }
        }
        while flights.join_next().await.is_some() {}
    }
}
