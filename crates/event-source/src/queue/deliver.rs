//! Delivers one batch: invokes the function and deletes the handled messages. The queue delivers the others again.

use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;

use super::QueueLane;
use super::event::{Received, cut, event};
use super::poll::{Gathered, MOST_RECEIVED};
use super::response::failed;
use crate::bridge::farewell;
use crate::bridge::functions::{Invoked, shortened};

/// The first pause before an invocation that could not be made is retried. Each later pause is twice as long, up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// SQS's default visibility time-out, used if the queue's own cannot be read.
const VISIBILITY: Duration = Duration::from_secs(30);

/// The number of attempts to delete handled messages. Messages that cannot be deleted are delivered again.
const DELETIONS: u32 = 5;

/// The result of one invocation.
enum Delivered {
    /// The function handled all messages except those with these ids.
    Except(std::collections::BTreeSet<String>),
    /// The invocation failed; the queue delivers all its messages again.
    Failed(String),
    /// The bridge stops before the function answered.
    Stopped,
}

impl QueueLane {
    /// Delivers the messages in pieces that fit into one event, one after the other. When the bridge stops, the rest
    /// becomes visible again.
    pub(super) async fn deliver(self, gathered: Gathered, stopped: watch::Receiver<bool>) {
        let mapping = &self.0.mapping;
        let mut pieces = cut(gathered.messages, mapping.batch_size as usize).into_iter();
        while let Some(piece) = pieces.next() {
            let delivered = tokio::select! {
                delivered = self.invoke(&piece, gathered.since, &stopped) => delivered,
                () = farewell(stopped.clone()) => Delivered::Stopped,
            };
            let complete = match delivered {
                Delivered::Except(again) => {
                    let done: Vec<&Received> =
                        piece.iter().filter(|message| !again.contains(&message.id)).collect();
                    self.delete(&done).await;
                    self.0.status.finished(done.len(), again.len());
                    again.is_empty()
                }
                Delivered::Failed(error) => {
                    tracing::warn!(queue = mapping.queue_name(), function = %mapping.function_name, error,
                        "a batch was not handled: its messages will be delivered again");
                    self.0.status.finished(0, piece.len());
                    self.0.status.failed(error);
                    false
                }
                Delivered::Stopped => {
                    self.release(&piece).await;
                    false
                }
            };
            let over = *stopped.borrow();
            if over || (mapping.is_fifo() && !complete) {
                // In a FIFO queue, later messages of a group must not overtake messages that are delivered again.
                let rest: Vec<Received> = pieces.by_ref().flatten().collect();
                if over {
                    self.release(&rest).await;
                }
            }
        }
    }

    /// Invokes the function. An invocation that cannot be made, for example because it is throttled, is retried while
    /// the messages are hidden.
    async fn invoke(
        &self,
        piece: &[Received],
        since: tokio::time::Instant,
        stopped: &watch::Receiver<bool>,
    ) -> Delivered {
        let mapping = &self.0.mapping;
        let event = Bytes::from(event(piece));
        let mut pause = FIRST_PAUSE;
        loop {
            self.0.status.invoking();
            let reason = match self.0.functions.invoke(&mapping.function_name, event.clone()).await {
                Invoked::Answer(answer) => {
                    return match failed(mapping.partial_batch_response, piece, &answer) {
                        Ok(again) => Delivered::Except(again),
                        Err(error) => Delivered::Failed(error),
                    };
                }
                Invoked::Failed(error) => return Delivered::Failed(error),
                Invoked::Unavailable(reason) => reason,
            };
            if *stopped.borrow() {
                return Delivered::Stopped;
            }
            if since.elapsed() + pause >= self.visibility().await {
                return Delivered::Failed(reason);
            }
            self.0.status.failed(reason);
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// The queue's visibility time-out: how long it hides a received message.
    async fn visibility(&self) -> Duration {
        let name = QueueAttributeName::VisibilityTimeout;
        let asked = self.0.sqs.get_queue_attributes().queue_url(&self.0.mapping.queue_url);
        let answer = asked.attribute_names(name.clone()).send().await;
        let seconds = answer.ok().and_then(|answer| answer.attributes()?.get(&name)?.parse().ok());
        seconds.map_or(VISIBILITY, Duration::from_secs)
    }

    /// Deletes handled messages. After [`DELETIONS`] tries it logs a warning, and the queue delivers the messages
    /// again.
    async fn delete(&self, messages: &[&Received]) {
        let mapping = &self.0.mapping;
        for messages in messages.chunks(MOST_RECEIVED) {
            let mut left: Vec<&Received> = messages.to_vec();
            let mut pause = FIRST_PAUSE;
            for attempt in 1..=DELETIONS {
                let entries = left.iter().enumerate().map(|(number, message)| {
                    DeleteMessageBatchRequestEntry::builder()
                        .id(number.to_string())
                        .receipt_handle(&message.receipt_handle)
                        .build()
                });
                let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else { break };
                let delete = self.0.sqs.delete_message_batch().queue_url(&mapping.queue_url);
                let reason = match delete.set_entries(Some(entries)).send().await {
                    Ok(answer) => {
                        let again = |number: usize| {
                            answer.failed().iter().any(|failed| failed.id() == number.to_string())
                        };
                        left = left
                            .into_iter()
                            .enumerate()
                            .filter(|(number, _)| again(*number))
                            .map(|(_, message)| message)
                            .collect();
                        if left.is_empty() {
                            break;
                        }
                        answer.failed().first().map_or_else(String::new, |failed| format!("{failed:?}"))
                    }
                    Err(error) => DisplayErrorContext(&error).to_string(),
                };
                if attempt == DELETIONS {
                    let reason = shortened(&reason);
                    tracing::warn!(
                        queue = mapping.queue_name(),
                        messages = left.len(),
                        reason,
                        "handled messages could not be deleted: they will be delivered again"
                    );
                    self.0.status.failed(format!("messages were not deleted: {reason}"));
                    break;
                }
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
}
