//! Serves objects: S3 notifications (from a queue or directly from S3), commands, and the scheduled sweep. All of them
//! become lists of keys, and the lane returns one result for each key.

mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use faults::FaultClass;
use object_reader::notification::{self, EventKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use self::summary::{NAMED, Run, Summary};
use crate::serve::{Failure, note_retries, serve};
use crate::telemetry::{Unit, WideEvent};

/// The requests of one object may take at most 1/`SHARE` of the remaining time.
const SHARE: u32 = 4;
/// The longest time for the requests of one object.
const LONGEST_SHARE: Duration = Duration::from_secs(20);

/// A function that reads objects.
pub trait ObjectLane: Send + Sync + 'static {
    /// The bucket whose notifications the function accepts; `None` for a web server, which sends no notifications.
    fn bucket(&self) -> Option<&str>;

    /// Reads the current version of each object and returns one result per key, in any order. With `force`, objects
    /// that were read before are read again.
    fn handle(&self, keys: &[String], force: bool, deadline: Instant) -> impl Future<Output = Vec<Handled>>;

    /// Finds keys that sort after `after` and whose notification may have been lost. With `force`, also finds
    /// keys that were already read. Returns one page that fits into memory; [`Found::next`] tells where the
    /// next page begins.
    ///
    /// # Errors
    /// [`Failure`] if the source cannot be listed. It ends the sweep.
    fn find(
        &self,
        force: bool,
        after: &str,
        deadline: Instant,
    ) -> impl Future<Output = Result<Found, Failure>>;
}

/// The result of one object.
#[derive(Debug)]
pub struct Handled {
    /// The object's key.
    pub key: String,
    /// The result.
    pub ending: Ending,
}

/// The kinds of results.
#[derive(Debug)]
pub enum Ending {
    /// All rows of the object are durably stored or parked. The counts become metrics.
    Done(Counts),
    /// The object is damaged, but it was written so recently that its writer may not have finished. The caller handles
    /// it again after this time.
    Unsettled(Duration),
    /// The object could not be handled and must be delivered again.
    Failed(Failure),
}

/// Counts by the name of their metric.
pub type Counts = BTreeMap<&'static str, u64>;

/// One page of a sweep.
#[derive(Debug, Default)]
pub struct Found {
    /// The keys to handle.
    pub keys: Vec<String>,
    /// Counts of the listing itself, for metrics.
    pub counts: Counts,
    /// The value of `after` for the next page; `None` on the last page.
    pub next: Option<String>,
}

/// The deadline for the requests of one object. It is earlier than `deadline`, so that there is time for other objects
/// if the store does not answer for this one.
#[must_use]
pub fn patience(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + (deadline.saturating_duration_since(now) / SHARE).min(LONGEST_SHARE)
}

/// Adds `more` to `counts`.
pub fn add(counts: &mut Counts, more: &Counts) {
    for (name, count) in more {
        *counts.entry(name).or_default() += count;
    }
}

/// An event of SQS or S3. An event without records is a [`Command`].
#[derive(Debug, Deserialize)]
struct Event {
    /// The messages of a queue, or the records of S3.
    #[serde(rename = "Records")]
    records: Option<Vec<Box<RawValue>>>,
}

/// A command of an operator or a schedule. `{}` and `{"sweep": true}` find and read new objects, `{"force": true}`
/// reads all objects again, and `keys` selects single objects.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Command {
    /// Has no effect: a command without `keys` is a sweep. It exists so that a schedule's event can say what it does.
    #[serde(rename = "sweep")]
    _sweep: bool,
    force: bool,
    keys: Vec<String>,
}

/// A message of an SQS event. Records that come directly from S3 do not have these fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueMessage<'a> {
    message_id: String,
    #[serde(borrow)]
    body: std::borrow::Cow<'a, str>,
}

/// Serves objects until Lambda ends the process. The answer to a batch of queue messages lists the messages that must
/// be delivered again (`batchItemFailures`). The answer to a command holds the counts.
pub async fn serve_objects(lane: impl ObjectLane) -> Result<(), lambda_runtime::Error> {
    let lane = Arc::new(lane);
    serve(async move |payload: Arc<RawValue>, deadline, event| {
        let unknown = |error: serde_json::Error| {
            let known = "an SQS or S3 event, or {\"sweep\", \"force\", \"keys\"}";
            Failure::new(FaultClass::Poison, format!("the event is not as expected ({known}): {error}"))
        };
        let Event { records } = serde_json::from_str(payload.get()).map_err(unknown)?;
        if let Some(records) = records {
            return notified(lane.as_ref(), &records, deadline, event).await;
        }
        let command = serde_json::from_str(payload.get()).map_err(unknown)?;
        commanded(lane.as_ref(), command, deadline, event).await
    })
    .await
}

/// Handles notifications from a queue, or directly from S3. An object that several messages name is handled
/// once. A message is delivered again if one of its objects failed, or if it is not a notification.
///
/// # Errors
/// [`Failure`] only for an event that comes directly from S3, which cannot be answered in part.
async fn notified(
    lane: &impl ObjectLane,
    records: &[Box<RawValue>],
    deadline: Instant,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let messages: Vec<QueueMessage<'_>> =
        records.iter().filter_map(|record| serde_json::from_str(record.get()).ok()).collect();
    if messages.len() < records.len() {
        // The event comes directly from S3. Without a queue, single objects cannot be reported as failed: the whole
        // invocation succeeds or fails.
        let direct = json!({ "Records": records }).to_string();
        let keys = keys_of(lane, direct.as_bytes())?;
        let mut summary = Summary::default();
        summary.take(&run(lane, keys.into_iter().collect(), false, deadline).await);
        return summary.answer(event);
    }
    let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut failed: BTreeMap<&str, String> = BTreeMap::new();
    let mut needs_action = false;
    for message in &messages {
        match keys_of(lane, message.body.as_bytes()) {
            Ok(keys) => wanted.entry(&message.message_id).or_default().extend(keys),
            Err(failure) => {
                needs_action |= failure.class() != FaultClass::Retryable;
                failed.insert(&message.message_id, failure.to_string());
            }
        }
    }
    let keys: BTreeSet<String> = wanted.values().flatten().cloned().collect();
    let run = run(lane, keys.into_iter().collect(), false, deadline).await;
    for (message, keys) in wanted {
        if let Some(failure) = keys.iter().find_map(|key| run.failed.get(key)) {
            failed.insert(message, failure.to_string());
        }
    }
    event.metric("MessagesReceived", messages.len() as u64, Unit::Count);
    event.metric("MessagesToRetry", failed.len() as u64, Unit::Count);
    let mut summary = Summary::default();
    summary.take(&run);
    summary.report(event);
    if !failed.is_empty() {
        needs_action |= run.failed.values().any(|failure| failure.class() != FaultClass::Retryable);
        let reasons: BTreeSet<&String> = failed.values().collect();
        let reasons = reasons.into_iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        note_retries(event, reasons, needs_action);
    }
    let failures: Vec<Value> = failed.keys().map(|id| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// The keys of created objects in a notification. A notification that cannot be parsed is an error: its message returns
/// to the queue and finally goes to the dead-letter queue, because its keys are not known.
fn keys_of(lane: &impl ObjectLane, body: &[u8]) -> Result<BTreeSet<String>, Failure> {
    let objects = notification::decode(body)
        .map_err(|error| Failure::new(FaultClass::Poison, format!("the notification: {error}")))?;
    let mut keys = BTreeSet::new();
    for object in objects.into_iter().filter(|object| object.kind == EventKind::Created) {
        if lane.bucket() != Some(object.bucket.as_str()) {
            let reads = lane.bucket().unwrap_or("a web server");
            let message =
                format!("the notification is for bucket {}, but this function reads {reads}", object.bucket);
            return Err(Failure::new(FaultClass::Configuration, message));
        }
        keys.insert(object.key);
    }
    Ok(keys)
}

/// Handles the keys of a command, or sweeps the source page by page.
///
/// # Errors
/// [`Failure`] if the source cannot be listed, or if at least one object failed. The other objects are done
/// nevertheless.
async fn commanded(
    lane: &impl ObjectLane,
    command: Command,
    deadline: Instant,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let Command { force, keys, .. } = command;
    let mut summary = Summary::default();
    if !keys.is_empty() {
        let keys: BTreeSet<String> = keys.into_iter().collect();
        summary.take(&run(lane, keys.into_iter().collect(), force, deadline).await);
        return summary.answer(event);
    }
    let mut after = String::new();
    loop {
        match lane.find(force, &after, deadline).await {
            Ok(Found { keys, counts, next }) => {
                summary.take(&run(lane, keys, force, deadline).await);
                add(&mut summary.counts, &counts);
                match next {
                    Some(next) => after = next,
                    None => return summary.answer(event),
                }
            }
            Err(failure) => {
                summary.report(event);
                return Err(failure);
            }
        }
    }
}

/// Handles the keys. Objects that are damaged but recently written are handled again, once they have settled.
/// If that would be after `deadline`, they count as failed.
async fn run(lane: &impl ObjectLane, keys: Vec<String>, force: bool, deadline: Instant) -> Run {
    let mut run = Run { objects: keys.len() as u64, ..Run::default() };
    let mut waiting = keys;
    while !waiting.is_empty() {
        let mut unsettled = BTreeMap::new();
        let mut longest = Duration::ZERO;
        for Handled { key, ending } in lane.handle(&waiting, force, deadline).await {
            match ending {
                Ending::Done(counts) => add(&mut run.counts, &counts),
                Ending::Failed(failure) => {
                    run.failed.insert(key, failure);
                }
                Ending::Unsettled(left) => {
                    longest = longest.max(left);
                    unsettled.insert(key, left);
                }
            }
        }
        let until = Instant::now() + longest;
        if until >= deadline {
            for key in std::mem::take(&mut unsettled).into_keys() {
                let message = "damaged, but just written: its writer may not have finished";
                run.failed.insert(key, Failure::new(FaultClass::Retryable, message));
            }
        }
        waiting = unsettled.into_keys().collect();
        if !waiting.is_empty() {
            sleep_until(until).await;
        }
    }
    run
}

#[cfg(test)]
mod tests;
