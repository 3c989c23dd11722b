//! The outcome of an invocation.

use bytes::Bytes;

/// The outcome of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// The function failed.
    Failed(FunctionError),
    /// The event is larger than [`crate::REQUEST_LIMIT`]. The function was not started.
    TooLarge {
        /// The event's size in bytes.
        bytes: usize,
    },
    /// The number of running invocations has reached the reserved concurrency.
    Throttled,
    /// This machine could not run the function; holds the reason.
    Unavailable(String),
}

/// The error of a failed function, as Lambda returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// The kind of failure.
    pub cause: Cause,
    /// The error's `errorType`.
    pub error_type: String,
    /// The error's `errorMessage`.
    pub message: String,
    /// The complete payload: the function's own JSON, or JSON with type and message.
    pub payload: Bytes,
}

/// Why an invocation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The function reported an error.
    Reported,
    /// The function exceeded its time-out and was killed.
    TimedOut,
    /// The process ended before it answered, or was killed because it used too much memory.
    Exited,
    /// The process failed before it requested its first event.
    Init,
    /// The answer is larger than [`crate::RESPONSE_LIMIT`].
    ResponseTooLarge,
}

/// The JSON of an error, as functions and Lambda write it. All fields are optional.
#[derive(serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_type: String,
    error_message: String,
}

impl FunctionError {
    /// Creates an error of the platform, with Lambda's type and message.
    pub(crate) fn of_platform(cause: Cause, error_type: &str, message: String) -> Self {
        let body = Body { error_type: error_type.to_owned(), error_message: message };
        let payload = serde_json::to_vec(&body).unwrap_or_default().into();
        Self { cause, error_type: body.error_type, message: body.error_message, payload }
    }

    /// Creates the error that a function reported.
    pub(crate) fn reported(cause: Cause, header: Option<String>, payload: Bytes) -> Self {
        let Ok(body) = serde_json::from_slice::<Body>(&payload) else {
            // A function may report any text, not only JSON.
            let message = String::from_utf8_lossy(&payload).into_owned();
            return Self { cause, error_type: header.unwrap_or_default(), message, payload };
        };
        let error_type =
            if body.error_type.is_empty() { header.unwrap_or_default() } else { body.error_type };
        Self { cause, error_type, message: body.error_message, payload }
    }
}
