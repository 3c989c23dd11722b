//! Serving: from Lambda's payload to a function's own types and back, with one wide event per invocation.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kafka_batch::{BatchOutcome, Fault, KafkaBatch};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::kafka_lane::{KafkaLane, TopicSink};
use crate::telemetry::{Unit, WideEvent, init_tracing};
use faults::{Classified, FaultClass};

/// How much of the time-out is kept back for the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// What an invocation failed with, as Lambda reports it: the class is the error's type.
#[derive(Debug)]
pub struct Failure {
    class: FaultClass,
    message: String,
}

impl Failure {
    /// A failure of a known class.
    #[must_use]
    pub fn new(class: FaultClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    /// The class of what went wrong.
    #[must_use]
    pub fn class(&self) -> FaultClass {
        self.class
    }
}

impl<E: Classified> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { class: error.class(), message: faults::chain(&error) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.message)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.class.as_str().to_owned(), error_message: failure.message }
    }
}

/// Why records of a batch must come again, for its outcome.
#[must_use]
pub fn fault(error: &impl Classified) -> Fault {
    Fault { needs_action: error.class() != FaultClass::Retryable, message: faults::chain(error) }
}

/// Serves Kafka batches until Lambda ends the process.
///
/// `partial_batch_response` tells whether the mapping reads `batchItemFailures`. Where it does not, Lambda would take
/// such an answer for success: then one record that must come again fails the whole invocation.
pub async fn serve_kafka<S: TopicSink>(
    lane: KafkaLane<S>,
    partial_batch_response: bool,
) -> Result<(), lambda_runtime::Error> {
    // Lambda gives an environment one event at a time, so nobody waits for the batch's memory.
    let served = Arc::new((lane, Mutex::new(KafkaBatch::default())));
    serve(async move |payload: Arc<RawValue>, deadline, event| {
        let (lane, batch) = served.as_ref();
        let mut batch = batch.lock().await;
        batch
            .refill(payload.get().as_bytes())
            .map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))?;
        event.metric("PayloadSize", payload.get().len() as u64, Unit::Bytes);
        let outcome = lane.store(&batch, deadline).await;
        kafka_answer(&outcome, &batch, partial_batch_response, event)
    })
    .await
}

/// The answer to Lambda for a batch with this outcome; its counts go into the event.
fn kafka_answer(
    outcome: &BatchOutcome,
    batch: &KafkaBatch,
    partial_batch_response: bool,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let response =
        outcome.response(batch).map_err(|error| Failure::new(FaultClass::Retryable, error.to_string()))?;
    let (tally, failed) = (outcome.tally(), response.batch_item_failures.len() as u64);
    event
        .field("partitions", batch.partitions().map(|partition| partition.id()).collect::<Vec<_>>())
        .metric("RecordsReceived", batch.len() as u64, Unit::Count)
        .metric("RecordsStored", tally.stored, Unit::Count)
        .metric("RecordsParked", tally.parked, Unit::Count)
        .metric("RecordsDuplicate", tally.duplicates, Unit::Count)
        .metric("RecordsToRetry", failed, Unit::Count);
    for (name, &count) in outcome.counts() {
        event.metric(name, count, Unit::Count);
    }
    if failed > 0 {
        let faults = outcome.faults();
        let reasons = faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
        // Who redrives reads the answer, whatever the mapping does.
        if !partial_batch_response && batch.redrive().is_none() {
            let lasting = faults.iter().all(|fault| fault.needs_action);
            let class = if lasting { FaultClass::Configuration } else { FaultClass::Retryable };
            return Err(Failure::new(class, reasons));
        }
        note_retries(event, reasons, faults.iter().any(|fault| fault.needs_action));
    }
    let answer = serde_json::to_value(response);
    let mut answer = answer.map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))?;
    if batch.redrive().is_some() {
        answer["reasons"] = outcome.faults().iter().map(|fault| fault.message.as_str()).collect();
    }
    Ok(answer)
}

/// Notes why records or objects must be delivered again, in an invocation that Lambda takes for a success. If somebody must
/// act on it, the invocation has a fault as well: otherwise only the log would tell, and no alarm.
pub(crate) fn note_retries(event: &mut WideEvent, reasons: String, needs_action: bool) {
    if needs_action {
        event.fault(reasons.clone());
    }
    event.field("retry_reasons", reasons);
}

/// Serves invocations of any event: `handler` gets the payload, the deadline and the wide event to add to.
///
/// An `AsyncFn` whose future borrows the wide event cannot be proven `Send` yet, which Lambda's runtime does not ask for.
pub async fn serve<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(Arc<RawValue>, Instant, &mut WideEvent) -> Result<Value, Failure>,
{
    init_tracing();
    let handler = &handler;
    lambda_runtime::run(service_fn(async move |invocation: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = invocation;
        let mut event = WideEvent::new(&context.request_id);
        // Boxed: the futures of a function and its clients nest deeper than the compiler lays out.
        let result = Box::pin(handler(payload.into(), deadline(&context), &mut event)).await;
        let fault = result.as_ref().err().map(ToString::to_string);
        event.write(fault.as_deref());
        result
    }))
    .await
}

/// Serves invocations whose event is JSON of type `E`.
pub async fn serve_json<E, H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    E: serde::de::DeserializeOwned,
    H: AsyncFn(E, Instant) -> Result<Value, Failure>,
{
    let handler = &handler;
    serve(async move |payload: Arc<RawValue>, deadline, event: &mut WideEvent| {
        let input = serde_json::from_str(payload.get()).map_err(|error| {
            Failure::new(FaultClass::Poison, format!("the event is not as expected: {error}"))
        })?;
        let answer = handler(input, deadline).await?;
        event.field("result", json!(answer));
        Ok(answer)
    })
    .await
}

fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wide event of a batch that comes again because of this fault.
    fn logged(needs_action: bool, partial_batch_response: bool) -> Value {
        let mut sent = kafka_batch::event::MskEvent::new("arn", "servers");
        sent.push("t", 0, 7, 1, None, Some(b"value"), &[]);
        let mut batch = KafkaBatch::default();
        batch.refill(&sent.to_json()).unwrap();
        let mut outcome = BatchOutcome::default();
        let message = "the pipeline file is bad".to_owned();
        outcome.retry(batch.partitions(), Fault { needs_action, message });
        let mut event = WideEvent::new("r-1");
        let answer = kafka_answer(&outcome, &batch, partial_batch_response, &mut event);
        let failure = answer.err().map(|failure| failure.to_string());
        serde_json::from_str(&event.line(failure.as_deref())).unwrap()
    }

    #[test]
    fn a_configuration_fault_is_a_fault_in_provisioned_mode_too() {
        for partial_batch_response in [false, true] {
            let line = logged(true, partial_batch_response);
            assert_eq!((&line["level"], &line["Faults"]), (&json!("ERROR"), &json!(1)), "{line}");
            assert!(line["fault"].as_str().unwrap().contains("the pipeline file is bad"), "{line}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_no_fault_of_a_partial_answer() {
        let line = logged(false, true);
        assert_eq!(
            (&line["level"], &line["Faults"], &line["RecordsToRetry"]),
            (&json!("INFO"), &json!(0), &json!(1))
        );
    }
}
