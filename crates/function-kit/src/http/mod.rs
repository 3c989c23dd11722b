//! Serves HTTP requests of a Lambda Function URL or an HTTP API. Both use payload format 2.0.
//!
//! A handler always returns a [`Response`], because the client of a failed invocation gets a 502 without an
//! explanation. A client's mistake is a 4xx, a problem of the function is a 5xx, both with the body `{"error": "…"}`.
//!
//! `HEAD` is implemented here for all handlers: the handler gets a `GET`, and the body of its response is removed. For
//! any other method that a path does not support, including `OPTIONS`, handlers answer 405 with `Allow`: there is no
//! CORS support for pages of other origins.

mod request;
mod response;

use std::sync::Arc;

use faults::FaultClass;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use crate::serve::{Failure, serve};
use crate::telemetry::{Unit, WideEvent};

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use request::{NotHttp, Request};
pub use response::Response;

/// Serves HTTP requests until Lambda ends the process. A handler that is not done at the deadline, shortly before the
/// function's time-out, is dropped, and the client gets a 503 with `Retry-After`.
pub async fn serve_http<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(Request, Instant) -> Response,
{
    let handler = &handler;
    serve(async move |payload: Arc<RawValue>, deadline, event: &mut WideEvent| {
        let mut request = Request::from_payload(payload.get())
            .map_err(|error| Failure::new(FaultClass::Poison, error.to_string()))?;
        // Frees memory early: the request has its own copy of the payload's data.
        drop(payload);
        note_request(event, &request);
        let headers_only = request.method == Method::HEAD;
        if headers_only {
            request.method = Method::GET;
        }
        let answered = timeout_at(deadline, handler(request, deadline)).await;
        let response = answered.unwrap_or_else(|_| {
            Response::unavailable("the function ran out of time").because("the function ran out of time")
        });
        let response = if headers_only { response.without_body() } else { response };
        note_response(event, &response);
        answer(response)
    })
    .await
}

/// The response as Lambda's payload.
fn answer(response: Response) -> Result<Value, Failure> {
    serde_json::to_value(response.into_payload())
        .map_err(|error| Failure::new(FaultClass::Configuration, error.to_string()))
}

/// Adds the method and the size of a request to the event.
fn note_request(event: &mut WideEvent, request: &Request) {
    let known = [Method::GET, Method::POST, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS];
    // A client may send any word as the method. The log must not contain text chosen by a client.
    let method = if known.contains(&request.method) { request.method.as_str() } else { "other" };
    event.field("method", method).metric("RequestSize", request.body.len() as u64, Unit::Bytes);
}

/// Adds route, status, size, counts and fault of a response to the event.
fn note_response(event: &mut WideEvent, response: &Response) {
    event
        .field("route", response.route_pattern())
        .field("status", response.status().as_u16())
        .metric("ResponseSize", response.body().len() as u64, Unit::Bytes)
        .metric("ClientErrors", u64::from(response.status().is_client_error()), Unit::Count)
        .metric("ServerErrors", u64::from(response.status().is_server_error()), Unit::Count);
    for (name, count) in response.counts() {
        event.metric(name, *count, Unit::Count);
    }
    match response.fault() {
        Some(fault) => {
            event.fault(fault);
        }
        // Every 5xx counts as a fault, even if the handler gave no reason.
        None if response.status().is_server_error() => {
            event.fault(format!("answered {}", response.status()));
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_5xx_response_is_a_fault_even_without_a_reason() {
        let mut event = WideEvent::new("r-1");
        note_response(&mut event, &Response::unavailable("not now"));
        let line: Value = serde_json::from_str(&event.line(None)).unwrap();
        assert_eq!((&line["Faults"], &line["level"]), (&1.into(), &"ERROR".into()), "{line}");
    }

    #[test]
    fn the_wide_event_has_route_status_sizes_and_counts_but_no_text_of_the_client() {
        let payload = r#"{"version":"2.0","rawPath":"/secret-path","rawQueryString":"secret=query",
            "headers":{"authorization":"secret-token"},"requestContext":{"timeEpoch":1,"http":{"method":"SECRET"}},
            "body":"secret body","isBase64Encoded":false}"#;
        let mut event = WideEvent::new("r-1");
        note_request(&mut event, &Request::from_payload(payload).unwrap());
        let response = Response::unavailable("Kafka does not answer")
            .route("/events")
            .count("EventsAccepted", 3)
            .because("no broker");
        note_response(&mut event, &response);
        let line = event.line(None);
        let parsed: Value = serde_json::from_str(&line).unwrap();
        for (name, expected) in [
            ("route", Value::from("/events")),
            ("method", "other".into()),
            ("status", 503.into()),
            ("RequestSize", 11.into()),
            ("EventsAccepted", 3.into()),
            ("ServerErrors", 1.into()),
            ("Faults", 1.into()),
            ("level", "ERROR".into()),
            ("fault", "no broker".into()),
        ] {
            assert_eq!(parsed[name], expected, "{name} in {line}");
        }
        assert!(!line.to_lowercase().contains("secret"), "{line}");
    }
}
