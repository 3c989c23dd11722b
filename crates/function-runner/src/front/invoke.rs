//! Lambda's Invoke API.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{background, decoded, json_response, refused};
use crate::deployed::{DeployedError, DeployedFunctions, Target};
use crate::server::{self, Unread};
use crate::{Outcome, REQUEST_LIMIT, Runner};

/// Request header: [`Kind`].
const INVOCATION_TYPE: &str = "x-amz-invocation-type";
/// Request header: `Tail` asks for the end of the log.
const LOG_TYPE: &str = "x-amz-log-type";
/// Response header: the version that ran.
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
/// Response header: present if the function failed. The status is 200 then.
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
/// Response header: the last 4 KB of the log, in base64.
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
/// Response header: the request id of the function's log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Lambda's limit for the event of an asynchronous invocation, in bytes.
const EVENT_LIMIT: usize = 1 << 20;

/// The kind of an invocation, from the header `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Waits for the answer. This is the default.
    RequestResponse,
    /// Answers 202 at once; [`background`] invokes the function.
    Event,
    /// Answers 204 if the function exists, and does not invoke it.
    DryRun,
}

/// Serves one invocation. `name` is a name or an ARN, already decoded. Errors have the status and the type that Lambda
/// documents, so that SDKs recognise them.
pub(super) async fn answer(
    functions: &DeployedFunctions,
    name: &str,
    parts: &Parts,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let kind = match header(INVOCATION_TYPE) {
        None | Some("RequestResponse") => Kind::RequestResponse,
        Some("Event") => Kind::Event,
        Some("DryRun") => Kind::DryRun,
        Some(_) => {
            let message = "InvocationType must be RequestResponse, Event or DryRun";
            return invalid("InvalidParameterValueException", message);
        }
    };
    let limit = if kind == Kind::Event { EVENT_LIMIT } else { REQUEST_LIMIT };
    let payload = match server::read(body, limit).await {
        Ok(payload) if payload.trim_ascii().is_empty() => Bytes::from_static(b"{}"),
        Ok(payload) => payload,
        Err(Unread::TooLarge(_)) => return too_large(limit),
        Err(Unread::Cut) => return invalid("InvalidRequestContentException", "The request is truncated"),
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return invalid("InvalidRequestContentException", &message);
    }
    let name = qualified(name, parts.uri.query().unwrap_or_default());
    let runner = match functions.get(&name).await {
        Ok(Target::Here(runner)) => runner,
        Ok(Target::Api) => return no_runtime(&name),
        Err(error) => return not_found_or_broken(&error),
    };
    match kind {
        Kind::DryRun => empty(StatusCode::NO_CONTENT, &runner),
        Kind::Event => {
            background::invoke(functions.clone(), name, payload);
            empty(StatusCode::ACCEPTED, &runner)
        }
        Kind::RequestResponse => {
            let invoked = runner.invoke_traced(payload, header(LOG_TYPE) == Some("Tail")).await;
            let mut response = match invoked.outcome {
                Outcome::Answer(answer) => json_response(StatusCode::OK, answer),
                Outcome::Failed(error) => {
                    functions.doubt(&name).await;
                    let mut response = json_response(StatusCode::OK, error.payload);
                    response.headers_mut().insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
                    response
                }
                Outcome::TooLarge { .. } => return too_large(limit),
                Outcome::Throttled => return throttled(),
                Outcome::Unavailable(reason) => return broken(&reason),
            };
            let headers = response.headers_mut();
            insert(headers, EXECUTED_VERSION, &runner.function().version);
            insert(headers, REQUEST_ID, &invoked.request_id);
            if !invoked.log.is_empty() {
                insert(headers, LOG_RESULT, &base64_simd::STANDARD.encode_to_string(invoked.log));
            }
            response
        }
    }
}

/// Appends the query's qualifier to the name. The name alone means `$LATEST`.
fn qualified(name: &str, query: &str) -> String {
    let qualifier = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier=")).map(decoded);
    let plain = name.strip_suffix(":$LATEST").unwrap_or(name);
    match qualifier.as_deref() {
        None | Some("" | "$LATEST") => plain.to_owned(),
        Some(qualifier) => format!("{plain}:{qualifier}"),
    }
}

/// Sets a header. A value that no header can have is left out.
fn insert(headers: &mut hyper::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// An answer without a body: to an asynchronous invocation or a dry run.
fn empty(status: StatusCode, runner: &Runner) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    insert(response.headers_mut(), EXECUTED_VERSION, &runner.function().version);
    insert(response.headers_mut(), REQUEST_ID, &Uuid::new_v4().to_string());
    response
}

/// 400, for a request that the client must change.
fn invalid(error_type: &'static str, message: &str) -> Response<Full<Bytes>> {
    refused(StatusCode::BAD_REQUEST, error_type, &json!({"Type": "User", "message": message}))
}

/// 413. `limit` is the largest event in bytes.
pub(super) fn too_large(limit: usize) -> Response<Full<Bytes>> {
    let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
    let body = json!({"Type": "User", "message": message});
    refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &body)
}

/// 429, if the reserved concurrency is reached.
pub(super) fn throttled() -> Response<Full<Bytes>> {
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    let body = json!({"Reason": reason, "Type": "User", "message": "Rate Exceeded."});
    refused(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", &body)
}

/// The error for a function whose runtime is not in its zip file: this machine cannot run it.
pub(super) fn no_runtime(name: &str) -> Response<Full<Bytes>> {
    let message = format!(
        "{name} does not bring its runtime: only zips with a bootstrap (runtime provided.*) run here; invoke it at the \
         emulator's address"
    );
    let body = json!({"Type": "User", "Message": message});
    refused(StatusCode::BAD_GATEWAY, "InvalidRuntimeException", &body)
}

/// 404 for a function that does not exist, otherwise 500 with the reason.
pub(super) fn not_found_or_broken(error: &DeployedError) -> Response<Full<Bytes>> {
    match error {
        DeployedError::Missing(name) => {
            let body = json!({"Type": "User", "Message": format!("Function not found: {name}")});
            refused(StatusCode::NOT_FOUND, "ResourceNotFoundException", &body)
        }
        error => broken(&faults::chain(error)),
    }
}

/// 500, with the reason why this machine could not run the function.
pub(super) fn broken(reason: &str) -> Response<Full<Bytes>> {
    let body = json!({"Type": "Service", "Message": reason});
    refused(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_belongs_to_the_name_and_latest_is_the_name_alone() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        for (name, query, expected) in [
            ("f", "", "f"),
            ("f", "Qualifier=%24LATEST", "f"),
            ("f:$LATEST", "", "f"),
            ("f", "Qualifier=live", "f:live"),
            ("f:3", "", "f:3"),
            (arn, "Qualifier=3", "arn:aws:lambda:us-east-1:000000000000:function:f:3"),
        ] {
            assert_eq!(qualified(name, query), expected);
        }
    }
}
