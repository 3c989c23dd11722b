//! Bodies in the formats that AWS documents, and damaged ones.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The characters that S3 does not encode are removed from this set.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// One of S3's own records, with the fields of the AWS documentation.
fn record(name: &str, object: &Value) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-20T21:24:49.123Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZ"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "media",
            "bucket": {"name": "media", "ownerIdentity": {"principalId": "A3NL1KOZZK"}, "arn": "arn:aws:s3:::media"},
            "object": object,
        },
    })
}

/// The record of a PUT of an object with this encoded key.
fn put(key: &str) -> Value {
    record(
        "ObjectCreated:Put",
        &json!({"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}),
    )
}

fn events(body: &Value) -> Result<Vec<ObjectEvent>, BadNotification> {
    decode(body.to_string().as_bytes())
}

/// The decoded key of the only event of a record.
fn key_of(record: &Value) -> Result<String, BadNotification> {
    Ok(events(&json!({"Records": [record]}))?.remove(0).key)
}

/// The error message for a body that must be rejected.
fn refusal(body: &Value) -> String {
    events(body).unwrap_err().to_string()
}

/// An event of `EventBridge` with this `detail-type`.
fn bridge(name: &str) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": name,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-20T21:24:49Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::media"],
        "detail": {
            "version": "0",
            "bucket": {"name": "media"},
            "object": {
                "key": "a+b %41/é.json", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "617f08299329d189"
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "111122223333",
            "source-ip-address": "192.0.2.7",
            "reason": "PutObject"
        }
    })
}

#[test]
fn every_record_of_a_notification_becomes_an_event() {
    let versioned = json!({
        "key": "songs/part+1.json", "size": 7, "eTag": "\"e1\"", "versionId": "v1", "sequencer": "0055AED6DCD90281E5"
    });
    let removed = json!({"key": "songs/old.json", "sequencer": "0A1B2C3D4E5F678901"});
    let body = json!({"Records": [
        record("ObjectCreated:CompleteMultipartUpload", &versioned),
        record("ObjectRemoved:Delete", &removed),
    ]});
    let event_time = Some("2026-11-20T21:24:49.123Z".parse().unwrap());
    let expected = [
        ObjectEvent {
            kind: EventKind::Created,
            bucket: "media".into(),
            key: "songs/part 1.json".into(),
            size: Some(7),
            etag: Some("e1".into()),
            version_id: Some("v1".into()),
            sequencer: Some("0055AED6DCD90281E5".into()),
            event_time,
        },
        ObjectEvent {
            kind: EventKind::Removed,
            bucket: "media".into(),
            key: "songs/old.json".into(),
            size: None,
            etag: None,
            version_id: None,
            sequencer: Some("0A1B2C3D4E5F678901".into()),
            event_time,
        },
    ];
    assert_eq!(events(&body).unwrap(), expected);
}

#[test]
fn the_name_of_an_event_determines_its_kind() {
    for (name, kind) in [
        ("ObjectCreated:Put", EventKind::Created),
        ("s3:ObjectCreated:Copy", EventKind::Created),
        ("ObjectRemoved:DeleteMarkerCreated", EventKind::Removed),
        ("LifecycleExpiration:Delete", EventKind::Removed),
        ("ObjectRestore:Completed", EventKind::Other("ObjectRestore:Completed".into())),
    ] {
        let body = json!({"Records": [record(name, &json!({"key": "a"}))]});
        assert_eq!(events(&body).unwrap()[0].kind, kind, "{name}");
    }
}

#[test]
fn an_event_bridge_event_is_decoded_and_its_key_is_not() {
    let created = ObjectEvent {
        kind: EventKind::Created,
        bucket: "media".into(),
        key: "a+b %41/é.json".into(),
        size: Some(5),
        etag: Some("b1946ac92492d2347c6235b4d2611184".into()),
        version_id: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".into()),
        sequencer: Some("617f08299329d189".into()),
        event_time: Some("2026-11-20T21:24:49Z".parse().unwrap()),
    };
    assert_eq!(events(&bridge("Object Created")).unwrap(), [created]);
    assert_eq!(events(&bridge("Object Deleted")).unwrap()[0].kind, EventKind::Removed);
    let other = EventKind::Other("Object Tags Added".into());
    assert_eq!(events(&bridge("Object Tags Added")).unwrap()[0].kind, other);
}

#[test]
fn a_notification_in_an_sns_envelope_is_decoded() {
    for inner in [json!({"Records": [put("a")]}), bridge("Object Created")] {
        let body = json!({
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-central-1:111122223333:media",
            "Subject": "Amazon S3 Notification",
            "Message": inner.to_string(),
            "Timestamp": "2026-11-20T21:24:50.000Z",
        });
        assert_eq!(events(&body).unwrap(), events(&inner).unwrap());
    }
}

#[test]
fn the_test_event_has_no_events() {
    let test = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T21:24:49.123Z", "Bucket": "media",
        "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    });
    assert!(events(&test).unwrap().is_empty());
    assert!(events(&json!({"Type": "Notification", "Message": test.to_string()})).unwrap().is_empty());
    assert!(events(&json!({"Records": []})).unwrap().is_empty());
}

#[test]
fn keys_are_decoded_like_html_forms() {
    for (encoded, key) in [
        ("red+flower.jpg", "red flower.jpg"),
        ("a%2Bb", "a+b"),
        ("100%25.json", "100%.json"),
        ("%C3%A9t%c3%a9/%F0%9D%84%9E", "été/𝄞"),
        ("not-encoded-é", "not-encoded-é"),
    ] {
        assert_eq!(key_of(&put(encoded)).unwrap(), key);
    }
}

#[test]
fn a_message_that_is_not_a_notification_of_s3_is_rejected_with_the_reason() {
    let without = |pointer: &str, field: &str| {
        let mut body = json!({"Records": [put("a"), put("b")]});
        body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field);
        body
    };
    let with_key = |key: &str| json!({"Records": [put("a"), put(key)]});
    let foreign = "the message has neither S3's records, nor an S3 event of EventBridge, nor S3's test event";
    let no_bucket = "event 1 of the notification has no bucket";
    let no_key = "event 1 of the notification has no key";
    for (body, reason) in [
        (json!({}), foreign),
        (json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen…"}), foreign),
        (json!({"source": "aws.ec2", "detail-type": "Object Created", "detail": {}}), foreign),
        (without("/Records/1", "s3"), no_bucket),
        (without("/Records/1/s3", "bucket"), no_bucket),
        (without("/Records/1/s3/bucket", "name"), no_bucket),
        (without("/Records/1/s3", "object"), no_key),
        (without("/Records/1/s3/object", "key"), no_key),
        (with_key(""), no_key),
        (without("/Records/1", "eventName"), "event 1 of the notification has no event name"),
        (
            with_key("a%2"),
            r#"event 1 of the notification has the key "a%2", in which a % is not followed by two hexadecimal digits"#,
        ),
        (
            with_key("a%+1"),
            r#"event 1 of the notification has the key "a%+1", in which a % is not followed by two hexadecimal digits"#,
        ),
        (with_key("%E9"), r#"event 1 of the notification has the key "%E9", which does not decode to UTF-8"#),
    ] {
        assert_eq!(refusal(&body), reason, "{body}");
    }
    for body in [&b""[..], b"{", b"\xFF", b"7", b"{\"Records\": 7}"] {
        assert!(matches!(decode(body), Err(BadNotification::Malformed(_))), "{body:?}");
    }
}

proptest! {
    #[test]
    fn every_encoded_key_is_decoded_to_the_original(key in any::<String>().prop_filter("S3 has no empty key", |key| !key.is_empty())) {
        let encoded = utf8_percent_encode(&key, ENCODED).to_string().replace("%20", "+");
        prop_assert_eq!(key_of(&put(&encoded)).unwrap(), key);
    }

    #[test]
    fn no_key_and_no_body_causes_a_panic(
        key in "[%+0-9a-fg/é]{0,12}", body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let _ = key_of(&put(&key));
        let _ = decode(&body);
    }
}
