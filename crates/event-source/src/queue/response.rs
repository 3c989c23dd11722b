//! Reads from a function's answer which messages of the batch failed.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::collections::BTreeSet;

use serde::Deserialize;

use super::event::Received;

/// A partial batch response. All its fields are optional.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The failed messages. A missing list and `null` mean that none failed.
    #[serde(default)]
    batch_item_failures: Option<Vec<Failure>>,
}

/// One message to deliver again.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    /// The `messageId`.
    item_identifier: String,
}

/// Reads the answer of a successful invocation. Returns the ids of the messages that must be delivered again.
///
/// Without partial batch responses, any answer means success. With them, a missing, empty or `null` answer or list
/// means success. An answer that cannot be parsed, or an identifier that is empty or not in the batch, fails the whole
/// batch.
pub(super) fn failed(
    partial_batch_response: bool,
    batch: &[Received],
    answer: &[u8],
) -> Result<BTreeSet<String>, String> {
    if !partial_batch_response || answer.trim_ascii().is_empty() {
        return Ok(BTreeSet::new());
    }
    let answer: Option<Answer> = serde_json::from_slice(answer)
        .map_err(|error| format!("the function's answer is not a batch response: {error}"))?;
    let failures = answer.and_then(|answer| answer.batch_item_failures).unwrap_or_default();
    let reported: BTreeSet<String> = failures.into_iter().map(|failure| failure.item_identifier).collect();
    match reported.iter().find(|id| !batch.iter().any(|message| message.id == **id)) {
        Some(unknown) => Err(format!("the function reported message {unknown:?}, which is not in its batch")),
        None => Ok(reported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Vec<Received> {
        ["a", "b", "c"]
            .map(|id| Received { id: id.into(), receipt_handle: String::new(), json: String::new() })
            .to_vec()
    }

    #[test]
    fn no_answer_and_an_empty_list_are_success() {
        let answers = ["", " ", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#];
        for answer in answers {
            assert_eq!(failed(true, &batch(), answer.as_bytes()), Ok(BTreeSet::new()), "{answer:?}");
        }
    }

    #[test]
    fn reported_messages_come_again_and_no_others() {
        let answer = br#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(failed(true, &batch(), answer), Ok(BTreeSet::from(["b".to_owned()])));
        assert_eq!(failed(false, &batch(), answer), Ok(BTreeSet::new()), "the mapping does not ask for it");
    }

    #[test]
    fn an_unknown_empty_or_unreadable_identifier_fails_the_whole_batch() {
        for failure in [
            r#"{"itemIdentifier":"d"}"#,
            r#"{"itemIdentifier":""}"#,
            r#"{"itemIdentifier":null}"#,
            r#"{"itemIdentifier":7}"#,
            r#"{"messageId":"a"}"#,
            r#""a""#,
            "null",
        ] {
            let answer = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"b"}},{failure}]}}"#);
            assert!(failed(true, &batch(), answer.as_bytes()).is_err(), "{failure}");
        }
        for answer in ["\"fine\"", "7", r#"{"batchItemFailures":"a"}"#, "not json"] {
            assert!(failed(true, &batch(), answer.as_bytes()).is_err(), "{answer}");
        }
        assert_eq!(failed(false, &batch(), b"not json"), Ok(BTreeSet::new()));
    }
}
