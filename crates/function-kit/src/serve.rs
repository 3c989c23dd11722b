//! Serves invocations: converts Lambda's payload to a function's types and the result back, and writes one wide event
//! per invocation.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kafka_batch::Fault;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::telemetry::{WideEvent, init_tracing};
use faults::{Classified, FaultClass};

/// A handler's deadline is this much earlier than Lambda's time-out, so that there is time for the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// The error of a failed invocation. Lambda reports its class as `errorType` and its text as `errorMessage`.
#[derive(Debug)]
pub struct Failure {
    /// Whether a retry or an operator can help.
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

/// Notes in the event why records or objects must be delivered again, in an invocation that Lambda treats as
/// a success. If an operator must act, the invocation also gets a fault. Without the fault no alarm would
/// fire.
pub(crate) fn note_retries(event: &mut WideEvent, reasons: String, needs_action: bool) {
    if needs_action {
        event.fault(reasons.clone());
    }
    event.field("retry_reasons", reasons);
}

/// Serves invocations of any event until Lambda ends the process. `handler` gets the payload, the deadline
/// and the wide event, to which it adds fields and metrics.
///
/// `handler` need not be `Send`: the compiler cannot prove yet that an `AsyncFn` whose future borrows the
/// wide event is `Send`, and Lambda's runtime does not require it.
///
/// # Errors
/// Only if the connection to Lambda's Runtime API fails. The error of an invocation is its answer.
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
