//! Serving: from Lambda's payload to a function's own types and back, with one wide event per invocation.

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
