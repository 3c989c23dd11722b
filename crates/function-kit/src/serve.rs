//! Serves invocations: converts Lambda's payload to a function's types and the result back, and writes one wide event
//! per invocation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kafka_batch::{BatchOutcome, Fault, KafkaBatch};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::telemetry::{Unit, WideEvent, init_tracing};
use faults::{Classified, FaultClass};

/// A handler's deadline is this much earlier than Lambda's time-out, so that there is time for the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// A function whose events are Kafka batches.
pub trait KafkaLane: Send + Sync + 'static {
    /// Handles all records of `batch` before `deadline`. The outcome must account for each record: handled, or to be
    /// delivered again.
    fn store(&self, batch: &KafkaBatch, deadline: Instant) -> impl Future<Output = BatchOutcome>;
}

/// The error of a failed invocation. Lambda reports its class as `errorType` and its text as `errorMessage`.
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

    /// The fault class.
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

/// Converts an error to the reason why records of a batch must be delivered again. It needs action unless the error is
/// retryable.
#[must_use]
pub fn fault(error: &impl Classified) -> Fault {
    Fault { needs_action: error.class() != FaultClass::Retryable, message: faults::chain(error) }
}

/// Serves Kafka batches until Lambda ends the process.
///
/// `partial_batch_response` says whether the event source mapping reads `batchItemFailures`. If it does not, Lambda
/// treats such an answer as a success. Therefore one record that must be delivered again then fails the whole
/// invocation.
pub async fn serve_kafka(
    lane: impl KafkaLane,
    partial_batch_response: bool,
) -> Result<(), lambda_runtime::Error> {
    // Lambda sends one event at a time to an execution environment, so no invocation waits for this lock.
    let served = Arc::new((lane, Mutex::new(KafkaBatch::default())));
    serve(async move |payload: Arc<RawValue>, deadline, event| {
        let (lane, batch) = served.as_ref();
        let mut batch = batch.lock().await;
        batch
            .refill(payload.get().as_bytes())
            .map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))?;
        event.metric("PayloadSize", payload.get().len() as u64, Unit::Bytes);
        kafka_invocation(lane, &batch, deadline, partial_batch_response, event).await
    })
    .await
}

async fn kafka_invocation(
    lane: &impl KafkaLane,
    batch: &KafkaBatch,
    deadline: Instant,
    partial_batch_response: bool,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let outcome = lane.store(batch, deadline).await;
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
        // The sender of a redrive always reads the answer, so the mapping's setting does not matter.
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

/// Records why records or objects must be delivered again, in an invocation that Lambda treats as a success. If someone
/// must act, the invocation also gets a fault. Without the fault no alarm would fire.
pub(crate) fn note_retries(event: &mut WideEvent, reasons: String, needs_action: bool) {
    if needs_action {
        event.fault(reasons.clone());
    }
    event.field("retry_reasons", reasons);
}

/// Serves invocations of any event until Lambda ends the process. `handler` gets the payload, the deadline and the wide
/// event, to which it adds fields and metrics.
///
/// `handler` need not be `Send`: the compiler cannot prove yet that an `AsyncFn` whose future borrows the wide event is
/// `Send`, and Lambda's runtime does not require it.
pub async fn serve<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(Arc<RawValue>, Instant, &mut WideEvent) -> Result<Value, Failure>,
{
    init_tracing();
    let handler = &handler;
    lambda_runtime::run(service_fn(async move |invocation: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = invocation;
        let mut event = WideEvent::new(&context.request_id);
        // Boxed because the nested futures of a function and its clients exceed the compiler's limit for type layouts.
        let result = Box::pin(handler(payload.into(), deadline(&context), &mut event)).await;
        let fault = result.as_ref().err().map(ToString::to_string);
        event.write(fault.as_deref());
        result
    }))
    .await
}

/// Serves invocations whose event is JSON of type `E`. The answer is also added to the wide event, as `result`. An
/// event that cannot be parsed fails the invocation as poison.
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

/// Lambda's deadline on tokio's clock, minus the reserve.
fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(Fault);

    impl KafkaLane for Refusing {
        async fn store(&self, batch: &KafkaBatch, _: Instant) -> BatchOutcome {
            let mut outcome = BatchOutcome::default();
            outcome.retry(batch.partitions(), self.0.clone());
            outcome
        }
    }

    /// The wide event of a batch that must be delivered again because of a fault.
    async fn logged(needs_action: bool, partial_batch_response: bool) -> Value {
        let mut sent = kafka_batch::event::MskEvent::new("arn", "servers");
        sent.push("t", 0, 7, 1, None, Some(b"value"), &[]);
        let mut batch = KafkaBatch::default();
        batch.refill(&sent.to_json()).unwrap();
        let lane = Refusing(Fault { needs_action, message: "the pipeline file is bad".into() });
        let mut event = WideEvent::new("r-1");
        let answer =
            kafka_invocation(&lane, &batch, Instant::now(), partial_batch_response, &mut event).await;
        let failure = answer.err().map(|failure| failure.to_string());
        serde_json::from_str(&event.line(failure.as_deref())).unwrap()
    }

    #[tokio::test]
    async fn a_configuration_fault_is_a_fault_in_provisioned_mode_too() {
        for partial_batch_response in [false, true] {
            let line = logged(true, partial_batch_response).await;
            assert_eq!((&line["level"], &line["Faults"]), (&json!("ERROR"), &json!(1)), "{line}");
            assert!(line["fault"].as_str().unwrap().contains("the pipeline file is bad"), "{line}");
        }
    }

    #[tokio::test]
    async fn what_passes_by_itself_is_no_fault_of_a_partial_answer() {
        let line = logged(false, true).await;
        assert_eq!(
            (&line["level"], &line["Faults"], &line["RecordsToRetry"]),
            (&json!("INFO"), &json!(0), &json!(1))
        );
    }
}
