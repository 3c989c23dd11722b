//! The event of an invocation.

use std::time::Duration;

use faults::{Classified, FaultClass};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The event of an invocation. `{}` means all topics. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only these topics. Empty means all.
    pub topics: Vec<String>,
    /// Judge the windows that closed at least this many minutes ago, instead of `GRACE_MINUTES`. 0 includes the windows
    /// that this invocation closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_minutes: Option<u32>,
}

/// The event is not a valid request.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event is not as expected: {0} (expected {{\"topics\": […], \"grace_minutes\": 45}}, each of them optional)"
)]
pub struct RequestError(#[from] serde_json::Error);

impl Classified for RequestError {
    fn class(&self) -> FaultClass {
        FaultClass::Poison
    }
}

impl Request {
    /// Parses the event of an invocation. `null` is the same as `{}`.
    ///
    /// # Errors
    /// [`RequestError`] if the event is not an object with the known fields, of class poison.
    pub fn parse(event: &str) -> Result<Self, RequestError> {
        // Parsed as a map first, because serde would also accept a list as a struct.
        let fields = serde_json::from_str::<Option<Map<String, Value>>>(event)?.unwrap_or_default();
        Ok(serde_json::from_value(Value::Object(fields))?)
    }

    /// How long ago a window must have closed to be judged.
    pub(crate) fn grace(&self, usual: Duration) -> Duration {
        self.grace_minutes.map_or(usual, |minutes| Duration::from_mins(minutes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_event_means_all_topics_and_an_unknown_key_is_rejected() {
        for event in ["{}", "null"] {
            assert_eq!(Request::parse(event).unwrap(), Request::default());
        }
        for event in [r#"{"topic":["t"]}"#, "[]", r#"{"grace_minutes":-1}"#] {
            let error = Request::parse(event).unwrap_err().to_string();
            assert!(error.contains("grace_minutes"), "{event}: {error}");
        }
    }
}
