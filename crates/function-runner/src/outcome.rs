//! How an invocation ends.

use bytes::Bytes;

/// The end of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered.
    Answer(Bytes),
    /// The function is to blame.
    Failed(FunctionError),
    /// The event is larger than [`crate::REQUEST_LIMIT`]; the function never saw it.
    TooLarge {
        /// The event's size in bytes.
        bytes: usize,
    },
    /// As many invocations are on their way as the reserved concurrency allows.
    Throttled,
    /// This machine could not run the function; the text says why.
    Unavailable(String),
}

/// What Lambda answers instead of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// What happened.
    pub cause: Cause,
    /// `errorType`.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
    /// The whole answer: the JSON of the function, or one with type and message.
    pub payload: Bytes,
}

/// Why an invocation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The function reported an error.
    Reported,
    /// It took longer than its time-out, and was killed.
    TimedOut,
    /// Its process ended before it answered, or was killed for its memory.
    Exited,
    /// It did not get as far as to ask for an event.
    Init,
    /// Its answer is larger than [`crate::RESPONSE_LIMIT`].
    ResponseTooLarge,
}

/// The JSON of an error, as functions and Lambda write it. Fields may be missing, also in what a function sends.
#[derive(serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_type: String,
    error_message: String,
}

impl FunctionError {
    /// An error in Lambda's words.
    pub(crate) fn of_platform(cause: Cause, error_type: &str, message: String) -> Self {
        let body = Body { error_type: error_type.to_owned(), error_message: message };
        let payload = serde_json::to_vec(&body).unwrap_or_default().into();
        Self { cause, error_type: body.error_type, message: body.error_message, payload }
    }

    /// An error that a function reported.
    pub(crate) fn reported(cause: Cause, header: Option<String>, payload: Bytes) -> Self {
        let Ok(body) = serde_json::from_slice::<Body>(&payload) else {
            // Any text is allowed.
            let message = String::from_utf8_lossy(&payload).into_owned();
            return Self { cause, error_type: header.unwrap_or_default(), message, payload };
        };
        let error_type =
            if body.error_type.is_empty() { header.unwrap_or_default() } else { body.error_type };
        Self { cause, error_type, message: body.error_message, payload }
    }
}
