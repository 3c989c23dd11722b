//! Receives messages until the batch is full, its window ends, or its event reaches the size limit.

use std::time::Duration;

use aws_sdk_sqs::error::{DisplayErrorContext, SdkError};
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName};
use tokio::sync::watch;
use tokio::time::Instant;

use super::QueueLane;
use super::event::Received;
use crate::PAYLOAD_LIMIT;

/// How long a request waits for the first message. A stop waits for the request to end. If the request were dropped,
/// the messages in its answer would stay hidden until their visibility time-out.
const WAIT: Duration = Duration::from_secs(2);

/// SQS's limit for the messages in one request.
pub(super) const MOST_RECEIVED: usize = 10;

/// Messages that were received for one batch.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The messages, in the order in which SQS returned them.
    pub(super) messages: Vec<Received>,
    /// When the first request was sent. The messages are hidden since then or later.
    pub(super) since: Instant,
}

impl QueueLane {
    /// Receives the messages of one batch. Returns no messages if the queue is empty or the bridge stops.
    ///
    /// Fails if the function or the queue does not exist, or a service does not answer. The error is a text for the
    /// status.
    pub(super) async fn gather(&self, stopped: &watch::Receiver<bool>) -> Result<Gathered, String> {
        let mapping = &self.0.mapping;
        // Check the function first: if it does not exist, each receive would count as a delivery.
        let ready = self.0.functions.ready(&mapping.function_name).await;
        ready.map_err(|error| faults::chain(&error))?;
        let batch_size = mapping.batch_size as usize;
        let since = Instant::now();
        let mut messages = self.receive(batch_size, WAIT).await?;
        let mut bytes: usize = messages.iter().map(|message| message.json.len()).sum();
        let window = Instant::now() + Duration::from_secs(mapping.window_seconds.into());
        while !messages.is_empty()
            && messages.len() < batch_size
            && bytes < PAYLOAD_LIMIT
            && !*stopped.borrow()
        {
            let left = window.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // An error of this request is ignored: the messages that were received before are delivered.
            let more = self.receive(batch_size - messages.len(), left.min(WAIT)).await.unwrap_or_default();
            if more.is_empty() && left < Duration::from_secs(1) {
                tokio::time::sleep(left.min(Duration::from_millis(200))).await;
            }
            // If the window is longer than the visibility time-out, SQS returns a message twice. Only the newer receipt
            // is valid.
            messages.retain(|message| more.iter().all(|newer| newer.id != message.id));
            messages.extend(more);
            bytes = messages.iter().map(|message| message.json.len()).sum();
        }
        if *stopped.borrow() {
            self.release(&messages).await;
            messages.clear();
        }
        Ok(Gathered { messages, since })
    }

    /// Sends one request for at most `most` messages, and waits up to `wait` for the first one. SQS counts whole
    /// seconds, so a shorter wait is none.
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Received>, String> {
        let mapping = &self.0.mapping;
        let request = self
            .0
            .sqs
            .receive_message()
            .queue_url(&mapping.queue_url)
            .max_number_of_messages(i32::try_from(most.min(MOST_RECEIVED)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = request.send().await.map_err(|error| self.not_received(&error))?;
        Ok(answer.messages().iter().map(|message| Received::of(message, mapping)).collect())
    }

    /// The error's text, with a short one for a queue that does not exist.
    fn not_received(&self, error: &SdkError<ReceiveMessageError>) -> String {
        if error.as_service_error().is_some_and(ReceiveMessageError::is_queue_does_not_exist) {
            return format!("queue {} does not exist", self.0.mapping.queue_name());
        }
        format!("cannot receive messages: {}", DisplayErrorContext(error))
    }

    /// Makes messages that were not delivered visible again. If this fails, they become visible after their time-out.
    pub(super) async fn release(&self, messages: &[Received]) {
        for messages in messages.chunks(MOST_RECEIVED) {
            let entries = messages.iter().enumerate().map(|(number, message)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(number.to_string())
                    .receipt_handle(&message.receipt_handle)
                    .visibility_timeout(0)
                    .build()
            });
            let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else { continue };
            let release = self.0.sqs.change_message_visibility_batch().queue_url(&self.0.mapping.queue_url);
            if let Err(error) = release.set_entries(Some(entries)).send().await {
                tracing::warn!(queue = self.0.mapping.queue_name(), error = %DisplayErrorContext(&error),
                    "messages stay hidden until their visibility time-out");
            }
        }
    }
}
