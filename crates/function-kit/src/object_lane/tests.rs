//! A lane of objects with events of SQS, events of S3, and commands.

use std::sync::Mutex;

use super::*;

/// The object `young` is unsettled in the first round, `bad` fails, all others are done.
#[derive(Default)]
struct Sample {
    /// The keys of each call of `handle`.
    looks: Mutex<Vec<Vec<String>>>,
    bad_page: bool,
}

impl ObjectLane for Sample {
    fn bucket(&self) -> Option<&str> {
        Some("b")
    }

    async fn handle(&self, keys: &[String], _: bool, _: Instant) -> Vec<Handled> {
        let first = self.looks.lock().unwrap().is_empty();
        self.looks.lock().unwrap().push(keys.to_vec());
        let ending = |key: &String| match key.as_str() {
            "young" if first => Ending::Unsettled(Duration::from_secs(5)),
            "bad" => Ending::Failed(Failure::new(FaultClass::Retryable, "no")),
            _ => Ending::Done([("RowsStored", 1)].into()),
        };
        keys.iter().map(|key| Handled { key: key.clone(), ending: ending(key) }).collect()
    }

    /// Two pages. With `bad_page`, the first page has a bad object.
    async fn find(&self, _: bool, after: &str, _: Instant) -> Result<Found, Failure> {
        let (keys, next) = match after {
            "" if self.bad_page => (vec!["bad".to_owned()], Some("p".to_owned())),
            "" => (Vec::new(), Some("p".to_owned())),
            _ => (vec!["found".to_owned()], None),
        };
        Ok(Found { keys, counts: [("ObjectsListed", 3)].into(), next })
    }
}

/// An SQS message with a notification of S3 for these keys.
fn message(id: &str, keys: &[&str]) -> Box<RawValue> {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
        })
        .collect();
    let body = json!({ "Records": records }).to_string();
    RawValue::from_string(json!({"messageId": id, "eventSource": "aws:sqs", "body": body}).to_string())
        .unwrap()
}

/// The answer to messages of a queue.
async fn answer(lane: &Sample, records: &[Box<RawValue>], patience: Duration) -> Value {
    notified(lane, records, Instant::now() + patience, &mut WideEvent::new("r")).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_the_messages_of_failed_objects_are_delivered_again() {
    let records = [message("m1", &["a", "c"]), message("m2", &["a", "bad"]), message("m3", &["c"])];
    let lane = Sample::default();
    let answer = answer(&lane, &records, Duration::from_mins(1)).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m2"}]}));
    assert_eq!(*lane.looks.lock().unwrap(), [["a", "bad", "c"]], "an object is read more than once");
}

#[tokio::test(start_paused = true)]
async fn only_the_unsettled_object_is_read_again_after_it_has_settled() {
    let lane = Sample::default();
    let records = [message("m1", &["a", "young"])];
    assert_eq!(answer(&lane, &records, Duration::from_mins(1)).await, json!({"batchItemFailures": []}));
    assert_eq!(*lane.looks.lock().unwrap(), [vec!["a", "young"], vec!["young"]]);
    let (lane, records) = (Sample::default(), [message("m1", &["young"])]);
    let hurried = answer(&lane, &records, Duration::from_secs(1)).await;
    assert_eq!(
        hurried["batchItemFailures"][0]["itemIdentifier"], "m1",
        "out of time, so the message is delivered again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_a_notification_does_not_affect_the_others() {
    let nonsense = json!({"messageId": "m0", "body": "hello"}).to_string();
    let records = [RawValue::from_string(nonsense).unwrap(), message("m1", &["a"])];
    let lane = Sample::default();
    let answer = answer(&lane, &records, Duration::from_mins(1)).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}));
    assert_eq!(*lane.looks.lock().unwrap(), [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_keys_is_a_sweep() {
    let lane = Sample::default();
    let deadline = Instant::now() + Duration::from_mins(1);
    let command = |text: &str| serde_json::from_str::<Command>(text).unwrap();
    let event = &mut WideEvent::new("r");
    let swept = commanded(&lane, command("{}"), deadline, event).await.unwrap();
    assert_eq!(swept, json!({"objects": 1, "ObjectsListed": 6, "RowsStored": 1}));
    let keys = command(r#"{"force": true, "keys": ["x", "bad"]}"#);
    let failure = commanded(&lane, keys, deadline, event).await.unwrap_err().to_string();
    assert!(failure.contains("1 of 2 objects must be read again: bad: retryable: no"), "{failure}");
    assert!(serde_json::from_str::<Command>(r#"{"forse": true}"#).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failed_object_does_not_stop_the_sweep() {
    let lane = Sample { bad_page: true, ..Sample::default() };
    let deadline = Instant::now() + Duration::from_mins(1);
    let event = &mut WideEvent::new("r");
    let failure = commanded(&lane, Command::default(), deadline, event).await.unwrap_err().to_string();
    assert!(failure.contains("1 of 2 objects must be read again: bad: "), "{failure}");
    assert_eq!(*lane.looks.lock().unwrap(), [["bad"], ["found"]]);
}

#[tokio::test(start_paused = true)]
async fn five_objects_without_an_answer_leave_time_for_others() {
    let deadline = Instant::now() + Duration::from_mins(2);
    for _ in 0..5 {
        let patience = patience(deadline);
        assert!(patience <= Instant::now() + Duration::from_secs(20));
        sleep_until(patience).await;
    }
    assert!(deadline - Instant::now() > Duration::from_secs(20));
}
