//! The event of an invocation.

use faults::{Classified, FaultClass};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One kind of maintenance. The steps are done in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Write a checkpoint if enough commits were made since the last one.
    Checkpoint,
    /// Merge small files into larger ones.
    Compact,
    /// Delete log files that are older than the log retention.
    CleanLog,
    /// Delete data files that no version within the retention names.
    Vacuum,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [Self::Checkpoint, Self::Compact, Self::CleanLog, Self::Vacuum];
}

/// The event of an invocation. `{}` means all steps for all tables. Unknown keys are refused, because a misspelt word
/// must not delete anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only maintain the tables of these topics. Empty means all.
    pub topics: Vec<String>,
    /// Only do these steps. Empty means all.
    pub steps: Vec<Step>,
    /// Report what would be done, and change nothing.
    pub dry_run: bool,
    /// Write a checkpoint and merge files even if the settings would wait for more commits or files.
    pub force: bool,
}

/// The event is not a valid request.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event is not as expected: {0} (expected {{\"topics\": […], \"steps\": [\"checkpoint\", \"compact\", \
     \"clean_log\", \"vacuum\"], \"dry_run\": true, \"force\": true}}, each of them optional)"
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

    /// The requested steps, in order.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let wanted = |step: &Step| self.steps.is_empty() || self.steps.contains(step);
        Step::ALL.into_iter().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_event_means_all_steps_in_order() {
        for event in ["{}", "null"] {
            assert_eq!(Request::parse(event).unwrap().steps(), Step::ALL);
        }
        let request = Request::parse(r#"{"steps":["vacuum","checkpoint"],"topics":["t"]}"#).unwrap();
        assert_eq!(request.steps(), [Step::Checkpoint, Step::Vacuum]);
    }

    #[test]
    fn an_unknown_key_or_step_is_rejected() {
        for event in [r#"{"dryrun":true}"#, r#"{"steps":["vaccum"]}"#, r#"{"steps":"vacuum"}"#, "[]"] {
            let error = Request::parse(event).unwrap_err().to_string();
            assert!(error.contains("clean_log"), "{event}: {error}");
        }
    }
}
