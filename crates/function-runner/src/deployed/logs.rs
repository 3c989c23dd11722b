//! Sends log lines to CloudWatch Logs, in batches and in the background.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::operation::create_log_stream::CreateLogStreamError;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::text;
use crate::{LogLine, LogSink};

/// How often lines are sent.
const EVERY: Duration = Duration::from_millis(500);

/// The largest number of waiting lines while the endpoint does not answer. If there are more, the oldest are dropped.
const MOST_LINES: usize = 100_000;

/// `CloudWatch` adds this number of bytes to the text of each event when it checks the size of a request.
const EVENT_OVERHEAD: usize = 26;

/// `CloudWatch`'s limits for one `PutLogEvents` request.
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1_048_576;

/// The names of a log group and of a log stream in it.
type Stream = (Arc<str>, Arc<str>);

/// Sends lines to the log groups of the functions.
#[derive(Debug)]
pub struct CloudWatchLogs {
    /// Without retries: a flush that failed is repeated by the next one.
    client: Client,
    /// The lines that wait for the next flush.
    waiting: Mutex<Waiting>,
    /// The streams that exist. The lock is held during a flush.
    sending: tokio::sync::Mutex<HashSet<Stream>>,
}

/// The lines that were not sent yet.
#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<LogLine>,
    /// The number of lines that were dropped since the last flush.
    dropped: usize,
}

impl LogSink for CloudWatchLogs {
    // This does not wait for the network: only the flush does.
    fn write(&self, line: LogLine) {
        let mut waiting = self.waiting();
        if waiting.lines.len() >= MOST_LINES {
            waiting.lines.pop_front();
            waiting.dropped += 1;
        }
        waiting.lines.push_back(line);
    }
}

impl CloudWatchLogs {
    /// Starts a task that sends lines to the endpoint of `sdk`. Must be called in a Tokio runtime.
    #[must_use]
    pub fn start(sdk: &SdkConfig) -> Arc<Self> {
        let config =
            aws_sdk_cloudwatchlogs::config::Builder::from(sdk).retry_config(RetryConfig::disabled()).build();
        let logs = Arc::new(Self {
            client: Client::from_conf(config),
            waiting: Mutex::default(),
            sending: tokio::sync::Mutex::default(),
        });
        tokio::spawn(keep_sending(Arc::downgrade(&logs)));
        logs
    }

    /// Sends the lines that were written so far. Lines that cannot be sent are kept for the next flush.
    pub async fn flush(&self) {
        // Only one flush runs at a time, so that lines stay in order.
        let mut streams = self.sending.lock().await;
        let (lines, dropped) = {
            let mut waiting = self.waiting();
            (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.dropped))
        };
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "the oldest log lines of functions were dropped: CloudWatch Logs did not answer for too long"
            );
        }
        let mut by_stream: BTreeMap<Stream, Vec<LogLine>> = BTreeMap::new();
        for line in lines {
            by_stream.entry((Arc::clone(&line.group), Arc::clone(&line.stream))).or_default().push(line);
        }
        for (stream, lines) in by_stream {
            let mut batches = batches(lines).into_iter();
            while let Some(lines) = batches.next() {
                if let Err(error) = self.send(&stream, &lines, &mut streams).await {
                    tracing::warn!(group = %stream.0, error, "log lines of a function were not sent; they are kept");
                    // The stream may have been deleted, so the next flush creates it again.
                    streams.remove(&stream);
                    // Keep these lines and all later lines of the stream, in their order.
                    let unsent: Vec<LogLine> = lines.into_iter().chain(batches.by_ref().flatten()).collect();
                    let mut waiting = self.waiting();
                    for line in unsent.into_iter().rev() {
                        waiting.lines.push_front(line);
                    }
                }
            }
        }
    }

    /// Sends one batch to a stream and creates the stream if it is not in `known`. The error is the text of the SDK's
    /// error.
    async fn send(
        &self,
        stream: &Stream,
        lines: &[LogLine],
        known: &mut HashSet<Stream>,
    ) -> Result<(), String> {
        if !known.contains(stream) {
            self.create(stream).await?;
            known.insert(stream.clone());
        }
        let events = lines.iter().map(|line| {
            // CloudWatch rejects an event with an empty text.
            let message = if line.text.is_empty() { " " } else { &line.text };
            InputLogEvent::builder().timestamp(line.at_ms).message(message).build().map_err(text)
        });
        let put = self
            .client
            .put_log_events()
            .log_group_name(&*stream.0)
            .log_stream_name(&*stream.1)
            .set_log_events(Some(events.collect::<Result<_, _>>()?));
        put.send().await.map(drop).map_err(text)
    }

    /// Creates the stream, and its log group if that is missing. An existing stream is not an error.
    async fn create(&self, (group, stream): &Stream) -> Result<(), String> {
        let create =
            || self.client.create_log_stream().log_group_name(&**group).log_stream_name(&**stream).send();
        let created = match create().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateLogStreamError::is_resource_not_found_exception) =>
            {
                // An error is ignored: another process may have created the group at the same time.
                let _ = self.client.create_log_group().log_group_name(&**group).send().await;
                create().await
            }
            created => created,
        };
        match created {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(CreateLogStreamError::is_resource_already_exists_exception) =>
            {
                Err(text(error))
            }
            _ => Ok(()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Each change is a single operation, so the value is consistent even if a thread panicked meanwhile.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Flushes every [`EVERY`] until the last `Arc` is dropped. Lines that were written after the last flush are then lost,
/// so owners call `flush` before they end.
async fn keep_sending(logs: Weak<CloudWatchLogs>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(logs) = logs.upgrade() else { return };
        logs.flush().await;
    }
}

/// Splits the lines into batches that fit into one request.
///
/// CloudWatch's limits are documented for `PutLogEvents`: 10,000 events and 1 MiB, with 26 bytes added for each event.
fn batches(lines: Vec<LogLine>) -> Vec<Vec<LogLine>> {
    let mut batches = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for line in lines {
        let size = line.text.len().max(1) + EVENT_OVERHEAD;
        if batch.len() == MOST_EVENTS || bytes + size > MOST_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(line);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(length: usize) -> LogLine {
        LogLine { group: "g".into(), stream: "s".into(), at_ms: 0, text: "x".repeat(length) }
    }

    #[test]
    fn a_request_holds_no_more_events_or_bytes_than_it_may() {
        let few = batches((0..9).map(|_| line(255 << 10)).collect());
        assert_eq!(few.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
        let many = batches((0..25_000).map(|_| line(1)).collect());
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [10_000, 10_000, 5_000]);
        assert!(batches(Vec::new()).is_empty());
    }
}
