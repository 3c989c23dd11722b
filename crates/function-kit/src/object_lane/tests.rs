//! A lane of objects, served with events of SQS, of S3 and with commands.

use std::sync::Mutex;

use super::*;

/// The object `young` is unsettled in the first round, `bad` fails, all others are done.
#[derive(Default)]
struct Sample {
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

async fn answer(lane: &Sample, records: &[Box<RawValue>], patience: Duration) -> Value {
    notified(lane, records, Instant::now() + patience, &mut WideEvent::new("r")).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_the_messages_of_objects_that_failed_come_again() {
    let records = [message("m1", &["a", "c"]), message("m2", &["a", "bad"]), message("m3", &["c"])];
    let lane = Sample::default();
    let answer = answer(&lane, &records, Duration::from_mins(1)).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m2"}]}));
    assert_eq!(
        *lane.looks.lock().unwrap(),
        [["a", "bad", "c"]],
        "each object once, however often it is told of"
    );
}

#[tokio::test(start_paused = true)]
async fn a_young_damaged_object_is_looked_at_again_when_it_has_settled_and_only_it() {
    let lane = Sample::default();
    let records = [message("m1", &["a", "young"])];
    assert_eq!(answer(&lane, &records, Duration::from_mins(1)).await, json!({"batchItemFailures": []}));
    assert_eq!(*lane.looks.lock().unwrap(), [vec!["a", "young"], vec!["young"]]);
    let (lane, records) = (Sample::default(), [message("m1", &["young"])]);
    let hurried = answer(&lane, &records, Duration::from_secs(1)).await;
    assert_eq!(hurried["batchItemFailures"][0]["itemIdentifier"], "m1", "no time to wait: it comes again");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_notification_comes_again_and_costs_no_other() {
    let nonsense = json!({"messageId": "m0", "body": "hello"}).to_string();
    let records = [RawValue::from_string(nonsense).unwrap(), message("m1", &["a"])];
    let lane = Sample::default();
    let answer = answer(&lane, &records, Duration::from_mins(1)).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}));
    assert_eq!(*lane.looks.lock().unwrap(), [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn a_command_sweeps_unless_it_names_keys() {
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
async fn an_object_that_fails_on_one_page_of_a_sweep_does_not_hold_up_the_next_page() {
    let lane = Sample { bad_page: true, ..Sample::default() };
    let deadline = Instant::now() + Duration::from_mins(1);
    let event = &mut WideEvent::new("r");
    let failure = commanded(&lane, Command::default(), deadline, event).await.unwrap_err().to_string();
    assert!(failure.contains("1 of 2 objects must be read again: bad: "), "{failure}");
    assert_eq!(*lane.looks.lock().unwrap(), [["bad"], ["found"]]);
}

#[tokio::test(start_paused = true)]
async fn one_object_after_the_other_that_gets_no_answer_leaves_time() {
    let deadline = Instant::now() + Duration::from_mins(2);
    for _ in 0..5 {
        let patience = patience(deadline);
        assert!(patience <= Instant::now() + Duration::from_secs(20));
        sleep_until(patience).await;
    }
    assert!(deadline - Instant::now() > Duration::from_secs(20));
}
