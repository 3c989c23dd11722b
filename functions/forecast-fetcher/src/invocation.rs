//! One invocation, from Lambda's payload to the answer and the wide event.

use faults::FaultClass;
use function_kit::serve::Failure;
use function_kit::telemetry::{Unit, WideEvent};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::fetch::Fetcher;
use crate::request::Request;
use crate::store::{RawObjects, Tokens};

/// Executes the event `payload` before `deadline`, and adds its results to the wide event `event`. Returns
/// the [`crate::Report`] as JSON.
///
/// # Errors
/// [`Failure`] of class poison if the payload is not a valid event, and otherwise with the class of the
/// [`crate::FetchError`].
pub async fn invocation<T: Tokens, O: RawObjects>(
    fetcher: &Fetcher<T, O>,
    payload: &str,
    deadline: Instant,
    event: &mut WideEvent,
) -> Result<Value, Failure> {
    let request = request(payload).map_err(|error| {
        Failure::new(FaultClass::Poison, format!("the event is not as expected: {error}"))
    })?;
    let report = fetcher.run(request, deadline).await?;
    let reasons: Vec<String> =
        report.failed.iter().map(|failed| format!("{}: {}", failed.item, failed.reason)).collect();
    event
        .field("source", report.source.as_str())
        .metric("ItemsStored", report.stored_count as u64, Unit::Count)
        .metric("ItemsFailed", report.failed_count as u64, Unit::Count)
        .metric("FetchRetries", report.retries, Unit::Count)
        .field("bytes", report.stored.iter().map(|stored| stored.bytes).sum::<u64>())
        .field("failed", reasons);
    let answer = serde_json::to_value(report);
    answer.map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))
}

/// Parses the payload. It is parsed to a map first, because serde would accept an array as the fields in
/// their order. `null` counts as an event without fields.
fn request(payload: &str) -> Result<Request, serde_json::Error> {
    let fields: Option<Map<String, Value>> = serde_json::from_str(payload)?;
    serde_json::from_value(Value::Object(fields.unwrap_or_default()))
}
