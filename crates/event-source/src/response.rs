//! Reads from a function's answer which records of the batch failed.

use std::collections::{BTreeSet, HashSet};

use kafka_batch::{BatchItemFailure, ItemIdentifier};
use serde::Deserialize;

use crate::{Batch, Outcome};

/// A function's response that lists the failed records of a batch (a partial batch response):
/// <https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The failed records. A missing list and `null` mean that none failed.
    #[serde(default)]
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

/// Reads the answer of a successful invocation.
///
/// Without partial batch responses, any answer means success. With them, an empty or `null` answer or list means
/// success, and reported records are retried. If the answer cannot be parsed or has an identifier that is not in the
/// batch, the whole batch is retried, because it is not known which records were handled.
#[must_use]
pub fn interpret(partial_batch_response: bool, topic: &str, batch: &Batch, answer: &[u8]) -> Outcome {
    if !partial_batch_response || answer.trim_ascii().is_empty() {
        return Outcome::Handled;
    }
    let failures = match serde_json::from_slice::<Option<Answer>>(answer) {
        Ok(answer) => answer.and_then(|answer| answer.batch_item_failures).unwrap_or_default(),
        Err(error) => {
            return Outcome::Failed(format!("the function's answer is not a batch response: {error}"));
        }
    };
    if failures.is_empty() {
        return Outcome::Handled;
    }
    let delivered: HashSet<_> =
        batch.records.iter().map(|record| (record.partition, record.offset)).collect();
    let mut reported = BTreeSet::new();
    for BatchItemFailure { item_identifier: ItemIdentifier { partition, offset } } in failures {
        let known = partition
            .strip_prefix(topic)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|number| number.parse::<i32>().ok())
            .filter(|number| delivered.contains(&(*number, offset)));
        let Some(number) = known else {
            return Outcome::Failed(format!(
                "the function reported {partition}@{offset}, which is not in its batch"
            ));
        };
        reported.insert((number, offset));
    }
    Outcome::Reported(reported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    fn batch() -> Batch {
        let record = |offset| Record {
            partition: 0,
            offset,
            timestamp_ms: 0,
            key: None,
            value: None,
            headers: Vec::new(),
        };
        Batch { records: vec![record(41), record(42), record(43)], attempt: 1 }
    }

    #[test]
    fn an_empty_answer_is_success() {
        let answers = ["", " ", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#];
        for answer in answers {
            assert_eq!(interpret(true, "t", &batch(), answer.as_bytes()), Outcome::Handled, "{answer:?}");
        }
    }

    #[test]
    fn reported_records_are_retried_and_no_others() {
        let answer = br#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":42}},
            {"itemIdentifier":{"partition":"t-0","offset":42}}]}"#;
        assert_eq!(interpret(true, "t", &batch(), answer), Outcome::Reported(BTreeSet::from([(0, 42)])));
        assert_eq!(interpret(false, "t", &batch(), answer), Outcome::Handled);
    }

    #[test]
    fn an_unknown_or_unreadable_identifier_fails_the_whole_batch() {
        for identifier in [
            r#"{"partition":"t-0","offset":99}"#,
            r#"{"partition":"t-1","offset":42}"#,
            r#"{"partition":"t","offset":42}"#,
            r#"{"partition":"t-0","offset":"42"}"#,
            r#"{"partition":null,"offset":42}"#,
            "null",
            r#""""#,
        ] {
            let answer = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{identifier}}}]}}"#);
            let outcome = interpret(true, "t", &batch(), answer.as_bytes());
            assert!(matches!(outcome, Outcome::Failed(_)), "{identifier}: {outcome:?}");
        }
        assert!(matches!(interpret(true, "t", &batch(), b"\"fine\""), Outcome::Failed(_)));
    }
}
