//! What an invocation asks for.

use faults::{Classified, FaultClass};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One kind of work on a table. The order is the order of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Write a checkpoint, when enough commits passed since the last one.
    Checkpoint,
    /// Join small files to larger ones.
    Compact,
    /// Delete log entries that are older than the history that is kept.
    CleanLog,
    /// Delete files that no version within the retention names.
    Vacuum,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Checkpoint, Self::Compact, Self::CleanLog, Self::Vacuum];
}

/// What an invocation asks for; `{}` is all steps for all tables. What is misspelt is refused: a wrong word must not
/// delete anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only the tables of these topics.
    pub topics: Vec<String>,
    /// Only these steps.
    pub steps: Vec<Step>,
    /// Say what would be done, and change nothing.
    pub dry_run: bool,
    /// Write a checkpoint and join files even where the settings would wait for more of them.
    pub force: bool,
}

/// The event is not a request.
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
    /// Reads the event of an invocation.
    pub fn parse(event: &str) -> Result<Self, RequestError> {
        // By way of a map: a list would be taken for a struct without names.
        let fields = serde_json::from_str::<Option<Map<String, Value>>>(event)?.unwrap_or_default();
        Ok(serde_json::from_value(Value::Object(fields))?)
    }

    /// The steps, in the order of the work.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let wanted = |step: &Step| self.steps.is_empty() || self.steps.contains(step);
        Step::ALL.into_iter().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_event_asks_for_everything_in_order() {
        for event in ["{}", "null"] {
            assert_eq!(Request::parse(event).unwrap().steps(), Step::ALL);
        }
        let request = Request::parse(r#"{"steps":["vacuum","checkpoint"],"topics":["t"]}"#).unwrap();
        assert_eq!(request.steps(), [Step::Checkpoint, Step::Vacuum]);
    }

    #[test]
    fn a_misspelt_word_deletes_nothing() {
        for event in [r#"{"dryrun":true}"#, r#"{"steps":["vaccum"]}"#, r#"{"steps":"vacuum"}"#, "[]"] {
            let error = Request::parse(event).unwrap_err().to_string();
            assert!(error.contains("clean_log"), "{event}: {error}");
        }
    }
}
