//! Builds Lambda's event from messages, and splits messages by the size of an event.
//!
//! The type in `aws_lambda_events` is not suitable for writing: it has other fields, and it writes missing ones as
//! null.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use serde::Serialize;

use super::QueueMapping;
use crate::PAYLOAD_LIMIT;

/// The text before the records of an event.
const HEAD: &str = r#"{"Records":["#;
/// The text after the records of an event.
const TAIL: &str = "]}";

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// The `messageId`. It names the message in a partial batch response.
    pub(super) id: String,
    /// The handle of this delivery. Deleting the message needs the newest one.
    pub(super) receipt_handle: String,
    /// The message as JSON, as an element of the event's `Records`.
    pub(super) json: String,
}

/// A message in the format of Lambda's event: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    /// SQS's own attributes, such as `SentTimestamp`.
    attributes: BTreeMap<&'a str, &'a str>,
    /// The attributes that the sender set.
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// A message attribute in the format of Lambda's event. Its list values are always empty, because SQS does not support
/// them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    /// The value of a string or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    /// The value of a binary attribute, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [&'a str; 0],
    binary_list_values: [&'a str; 0],
    data_type: &'a str,
}

impl Received {
    /// Converts a message of SQS. Missing fields become empty.
    pub(super) fn of(message: &Message, mapping: &QueueMapping) -> Self {
        let id = message.message_id().unwrap_or_default();
        let receipt_handle = message.receipt_handle().unwrap_or_default();
        let attributes = message.attributes().into_iter().flatten();
        let own = message.message_attributes().into_iter().flatten();
        let record = Record {
            message_id: id,
            receipt_handle,
            body: message.body().unwrap_or_default(),
            attributes: attributes.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            message_attributes: own.map(|(name, value)| (name.as_str(), attribute(value))).collect(),
            md5_of_message_attributes: message.md5_of_message_attributes(),
            md5_of_body: message.md5_of_body().unwrap_or_default(),
            event_source: "aws:sqs",
            event_source_arn: &mapping.queue_arn,
            aws_region: mapping.region(),
        };
        // Serialisation cannot fail because all values are strings.
        let json = serde_json::to_string(&record).unwrap_or_default();
        Self { id: id.to_owned(), receipt_handle: receipt_handle.to_owned(), json }
    }
}

/// Converts one attribute; bytes become base64.
fn attribute(value: &MessageAttributeValue) -> Attribute<'_> {
    Attribute {
        string_value: value.string_value(),
        binary_value: value.binary_value().map(|bytes| base64_simd::STANDARD.encode_to_string(bytes)),
        string_list_values: [],
        binary_list_values: [],
        data_type: value.data_type(),
    }
}

/// Splits the messages into pieces that fit into one event, and keeps their order. A message that is too large for any
/// event is alone in its piece.
pub(super) fn cut(messages: Vec<Received>, batch_size: usize) -> Vec<Vec<Received>> {
    let mut pieces: Vec<Vec<Received>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = message.json.len() + 1;
        match pieces.last_mut() {
            Some(piece) if piece.len() < batch_size && bytes + size <= PAYLOAD_LIMIT => {
                bytes += size;
                piece.push(message);
            }
            _ => {
                bytes = HEAD.len() + TAIL.len() + size;
                pieces.push(vec![message]);
            }
        }
    }
    pieces
}

/// Builds the event of one piece.
pub(super) fn event(messages: &[Received]) -> Vec<u8> {
    let records: Vec<&str> = messages.iter().map(|message| message.json.as_str()).collect();
    [HEAD, &records.join(","), TAIL].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::primitives::Blob;
    use aws_sdk_sqs::types::MessageSystemAttributeName::{ApproximateReceiveCount, SentTimestamp};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn mapping() -> QueueMapping {
        QueueMapping {
            function_name: "f".into(),
            queue_url: "http://127.0.0.1/q".into(),
            queue_arn: "arn:aws:sqs:us-east-2:123456789012:my-queue".into(),
            batch_size: 10,
            window_seconds: 0,
            partial_batch_response: true,
            maximum_concurrency: None,
        }
    }

    #[test]
    fn a_record_has_the_fields_that_lambda_documents() {
        let attribute = |kind: &str| MessageAttributeValue::builder().data_type(kind);
        let message = Message::builder()
            .message_id("059f36b4-87a3-44ab-83d2-661975830a7d")
            .receipt_handle("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...")
            .body("Test \"message\".")
            .attributes(ApproximateReceiveCount, "1")
            .attributes(SentTimestamp, "1545082649183")
            .message_attributes("text", attribute("String").string_value("value").build().unwrap())
            .message_attributes(
                "bytes",
                attribute("Binary").binary_value(Blob::new([0xff, 0])).build().unwrap(),
            )
            .md5_of_body("e4e68fb7bd0e697a0ae8f1bb342846b3")
            .build();
        let event: Value = serde_json::from_slice(&event(&[Received::of(&message, &mapping())])).unwrap();
        let expected = json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            "body": "Test \"message\".",
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
            "messageAttributes": {
                "text": {"stringValue": "value", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
                "bytes": {"binaryValue": "/wA=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2",
        }]});
        assert_eq!(event, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_message_is_in_one_piece_in_order_and_each_piece_fits(
            sizes in proptest::collection::vec(
                prop_oneof![1_usize..2_000, 500_000_usize..1_100_000, Just(PAYLOAD_LIMIT + 1)], 0..20),
            batch_size in 1_usize..12,
        ) {
            let messages: Vec<Received> = sizes.iter().enumerate().map(|(number, size)| Received {
                id: number.to_string(), receipt_handle: String::new(), json: "x".repeat(*size),
            }).collect();
            let pieces = cut(messages.clone(), batch_size);
            prop_assert_eq!(pieces.concat(), messages);
            for piece in pieces {
                prop_assert!((1..=batch_size).contains(&piece.len()));
                prop_assert!(event(&piece).len() <= PAYLOAD_LIMIT || piece.len() == 1);
            }
        }
    }
}
