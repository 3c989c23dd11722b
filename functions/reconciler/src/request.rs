//! What an invocation asks for.

use std::time::Duration;

use faults::{Classified, FaultClass};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an invocation asks for; `{}` is all topics. What is misspelt is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only these topics.
    pub topics: Vec<String>,
    /// Judge windows that closed so many minutes ago, instead of the usual ones; 0 judges those that this invocation closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_minutes: Option<u32>,
}

/// The event is not a request.
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
    /// Reads the event of an invocation.
    pub fn parse(event: &str) -> Result<Self, RequestError> {
        // By way of a map: a list would be taken for a struct without names.
        let fields = serde_json::from_str::<Option<Map<String, Value>>>(event)?.unwrap_or_default();
        Ok(serde_json::from_value(Value::Object(fields))?)
    }

    /// How long ago a window must have closed.
    pub(crate) fn grace(&self, usual: Duration) -> Duration {
        self.grace_minutes.map_or(usual, |minutes| Duration::from_mins(minutes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_event_asks_for_all_topics_and_a_misspelt_one_is_refused() {
        for event in ["{}", "null"] {
            assert_eq!(Request::parse(event).unwrap(), Request::default());
        }
        for event in [r#"{"topic":["t"]}"#, "[]", r#"{"grace_minutes":-1}"#] {
            let error = Request::parse(event).unwrap_err().to_string();
            assert!(error.contains("grace_minutes"), "{event}: {error}");
        }
    }
}
