//! SQS mappings: cases in which users of other implementations lost messages or received them twice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use event_source::{BridgeConfig, QueueMapping};

use crate::support::{RunningBridge, deploy, until};

/// A queue with a dead-letter queue, its mapping, and the folder in which its function writes logs.
struct Lab {
    mapping: QueueMapping,
    folder: PathBuf,
    sqs: aws_sdk_sqs::Client,
    visibility: Duration,
    most_deliveries: u32,
    dead_letters: String,
}

/// A delivery, as the function saw it.
#[derive(Debug)]
struct Delivery {
    body: String,
    count: u32,
    batch: usize,
}

impl Lab {
    /// Creates a queue and a function that handles all messages. A failed message is hidden for one second.
    async fn new(name: &str) -> Self {
        let lab = Self::without_queue(name).await;
        deploy(&lab.mapping.function_name, &lab.folder).await;
        lab.create_queue().await;
        lab
    }

    /// Prepares the names, without creating the queue or the function.
    async fn without_queue(name: &str) -> Self {
        let plain = name.trim_end_matches(".fifo");
        let id = format!("{plain}-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
        let queue = if plain == name { id.clone() } else { format!("{id}.fifo") };
        let folder = std::env::temp_dir().join("event-source").join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&settings::sdk_config().await);
        let endpoint = std::env::var("AWS_ENDPOINT_URL")
            .expect("this test needs queues: set AWS_ENDPOINT_URL (scripts/test does)");
        let lab = Self {
            mapping: QueueMapping {
                function_name: id.clone(),
                queue_url: format!("{endpoint}/000000000000/{queue}"),
                queue_arn: format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
                batch_size: 10,
                window_seconds: 0,
                partial_batch_response: true,
                maximum_concurrency: None,
            },
            folder,
            sqs,
            visibility: Duration::from_secs(1),
            most_deliveries: 20,
            dead_letters: String::new(),
        };
        lab.answer("succeed");
        lab
    }

    async fn create_queue(&self) {
        use QueueAttributeName::{FifoQueue, RedrivePolicy, VisibilityTimeout};
        let fifo = if self.mapping.is_fifo() { ".fifo" } else { "" };
        let create = |name: String| {
            let create = self.sqs.create_queue().queue_name(name);
            if fifo.is_empty() { create } else { create.attributes(FifoQueue, "true") }
        };
        let dead = format!("{}-failed{fifo}", self.mapping.function_name);
        create(dead.clone()).send().await.unwrap();
        let redrive = serde_json::json!({
            "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{dead}"),
            "maxReceiveCount": self.most_deliveries,
        });
        create(self.mapping.queue_name().to_owned())
            .attributes(VisibilityTimeout, self.visibility.as_secs().to_string())
            .attributes(RedrivePolicy, redrive.to_string())
            .send()
            .await
            .unwrap();
    }

    /// Sets the queue's visibility time-out and its limit of deliveries.
    async fn set(&mut self, visibility: Duration, most_deliveries: u32) {
        (self.visibility, self.most_deliveries) = (visibility, most_deliveries);
        self.sqs.delete_queue().queue_url(&self.mapping.queue_url).send().await.unwrap();
        self.create_queue().await;
        self.dead_letters = self.mapping.queue_url.clone() + "-failed";
    }

    fn answer(&self, mode: &str) {
        std::fs::write(self.folder.join("mode.new"), mode).unwrap();
        std::fs::rename(self.folder.join("mode.new"), self.folder.join("mode")).unwrap();
    }

    async fn send(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.sqs
                .send_message()
                .queue_url(&self.mapping.queue_url)
                .message_body(number.to_string())
                .send()
                .await
                .unwrap();
        }
    }

    /// The deliveries in the order in which the function finished them, from the log `delivered` or `failed`.
    fn log(&self, name: &str) -> Vec<Delivery> {
        let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let delivery = |line: &str| {
            let mut parts = line.split(' ');
            let mut next = || parts.next().unwrap().to_owned();
            Delivery { body: next(), count: next().parse().unwrap(), batch: next().parse().unwrap() }
        };
        text.lines().map(delivery).collect()
    }

    /// How many times each body was handled.
    fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for Delivery { body, .. } in self.log("delivered") {
            *times.entry(body).or_default() += 1;
        }
        times
    }

    /// The number of messages in a queue, including hidden ones.
    async fn messages(&self, url: &str) -> usize {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let names = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible];
        let asked = self.sqs.get_queue_attributes().queue_url(url);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await.unwrap();
        let attributes = answer.attributes.unwrap_or_default();
        names.iter().filter_map(|name| attributes.get(name)?.parse::<usize>().ok()).sum()
    }

    async fn emptied(&self) {
        until("the queue is empty", async || self.messages(&self.mapping.queue_url).await == 0).await;
    }

    fn bridge(&self) -> RunningBridge {
        RunningBridge::start(BridgeConfig {
            queues: vec![self.mapping.clone()],
            status_path: Some(self.folder.join("status.json")),
            scratch: self.folder.join("functions"),
            ..BridgeConfig::new(Vec::new(), "127.0.0.1:9")
        })
    }

    fn status(&self) -> event_source::bridge::status::QueueStatus {
        let status = event_source::bridge::status::read(&self.folder.join("status.json")).ok();
        status.and_then(|status| status.queues.into_iter().next()).unwrap_or_default()
    }
}

fn each(numbers: std::ops::Range<usize>, times: impl Fn(usize) -> usize) -> BTreeMap<String, usize> {
    numbers.map(|number| (number.to_string(), times(number))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_handled_once_and_deleted() {
    let lab = Lab::new("queue").await;
    lab.send(0..25).await;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..25, |_| 1));
    let status = lab.status();
    assert_eq!((status.handled, status.failed, status.lately.last_error), (25, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_gathers_more_messages_than_sqs_hands_out_at_once() {
    let mut lab = Lab::new("window").await;
    lab.set(Duration::from_secs(30), 20).await;
    (lab.mapping.batch_size, lab.mapping.window_seconds) = (25, 2);
    lab.send(0..30).await;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..30, |_| 1));
    let batches: Vec<usize> = lab.log("delivered").iter().map(|delivery| delivery.batch).collect();
    assert!(batches.iter().all(|batch| *batch <= 25) && batches.contains(&25), "{batches:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_within_the_window_is_in_its_batch_once() {
    let mut lab = Lab::new("again").await;
    (lab.mapping.batch_size, lab.mapping.window_seconds) = (100, 3);
    lab.send(0..3).await;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times().len(), 3);
    // The messages may become visible again while the function works.
    for delivery in lab.log("delivered") {
        assert!(delivery.count > 1 && delivery.batch <= 3, "{delivery:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_messages_come_again_after_the_visibility_time_out_and_no_others() {
    let lab = Lab::new("reported").await;
    lab.answer("tenths");
    lab.send(0..30).await;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..30, |number| if number % 10 == 0 { 2 } else { 1 }));
    let status = lab.status();
    assert_eq!((status.handled, status.failed), (30, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_too_often_is_moved_to_the_dead_letter_queue_by_sqs() {
    let mut lab = Lab::new("dead").await;
    lab.set(Duration::from_secs(1), 2).await;
    lab.answer("fail");
    lab.send(0..5).await;
    let bridge = lab.bridge();
    until("all messages are dead letters", async || lab.messages(&lab.dead_letters).await == 5).await;
    let error = lab.status().lately.last_error.unwrap_or_default();
    assert!(error.contains("Told: to fail"), "{error}");
    lab.answer("succeed");
    lab.send(5..8).await;
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(5..8, |_| 1));
    assert_eq!(lab.log("failed").len(), 10, "each was delivered twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_a_message_of_no_batch_deletes_nothing() {
    let lab = Lab::new("unknown").await;
    lab.answer("unknown");
    lab.send(0..3).await;
    let bridge = lab.bridge();
    until("the fault is said", async || {
        lab.status()
            .lately
            .last_error
            .is_some_and(|error| error.contains("\"nobody\", which is not in its batch"))
    })
    .await;
    assert_eq!(lab.messages(&lab.mapping.queue_url).await, 3);
    lab.answer("succeed");
    lab.emptied().await;
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_function_costs_no_message_a_delivery() {
    let mut lab = Lab::new("throttled").await;
    // With a limit of one delivery, a second one would move the message to the dead-letter queue.
    lab.set(Duration::from_mins(2), 1).await;
    lab.mapping.batch_size = 1;
    let lambda = aws_sdk_lambda::Client::new(&settings::sdk_config().await);
    let limit = lambda.put_function_concurrency().function_name(&lab.mapping.function_name);
    limit.reserved_concurrent_executions(1).send().await.unwrap();
    lab.answer("slow");
    lab.send(0..8).await;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..8, |_| 1));
    assert!(lab.log("delivered").iter().all(|delivery| delivery.count == 1));
    assert_eq!(lab.messages(&lab.dead_letters).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_invocations_run_at_once_than_the_mapping_allows() {
    let mut lab = Lab::new("concurrency").await;
    lab.set(Duration::from_mins(2), 20).await;
    (lab.mapping.batch_size, lab.mapping.maximum_concurrency) = (1, Some(2));
    lab.answer("slow");
    lab.send(0..8).await;
    let lines = |name| std::fs::read(lab.folder.join(name)).map_or(0, |text| text.len());
    let bridge = lab.bridge();
    let mut most = 0;
    until("all are handled", async || {
        // "begun" is read first, so the difference may be too small but never too large.
        let begun = lines("begun");
        most = most.max(begun.saturating_sub(lines("ended")));
        lines("ended") == 8
    })
    .await;
    bridge.stop().await;
    assert!(most <= 2, "{most} at once");
    assert_eq!(lab.times(), each(0..8, |_| 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_and_a_missing_function_are_reported_and_waited_for() {
    let lab = Lab::without_queue("missing").await;
    let said = async |what: &str| {
        until(what, async || lab.status().lately.last_error.is_some_and(|error| error.contains(what))).await;
    };
    let bridge = lab.bridge();
    said("there is no function").await;
    lab.create_queue().await;
    lab.send(0..3).await;
    said("there is no function").await;
    deploy(&lab.mapping.function_name, &lab.folder).await;
    lab.emptied().await;
    let first = lab.log("delivered");
    assert!(first.len() == 3 && first.iter().all(|delivery| delivery.count == 1), "{first:?}");
    lab.sqs.delete_queue().queue_url(&lab.mapping.queue_url).send().await.unwrap();
    said("does not exist").await;
    lab.create_queue().await;
    lab.send(3..6).await;
    lab.emptied().await;
    until("the error is over", async || lab.status().lately.last_error.is_none()).await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..6, |_| 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_group_stay_in_order_when_some_fail() {
    let lab = Lab::new("order.fifo").await;
    let entry = |group: &str, number: usize| {
        SendMessageBatchRequestEntry::builder()
            .id(number.to_string())
            .message_body(format!("{group}{number}"))
            .message_group_id(group)
            .message_deduplication_id(format!("{group}{number}"))
            .build()
            .unwrap()
    };
    for group in ["a", "b", "c"] {
        for numbers in [0..10, 10..20] {
            let entries = numbers.map(|number| entry(group, number)).collect();
            let send = lab.sqs.send_message_batch().queue_url(&lab.mapping.queue_url);
            send.set_entries(Some(entries)).send().await.unwrap();
        }
    }
    lab.answer("fives");
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert!(!lab.log("failed").is_empty());
    for group in ["a", "b", "c"] {
        let bodies: Vec<String> = lab.log("delivered").into_iter().map(|delivery| delivery.body).collect();
        let own: Vec<&String> = bodies.iter().filter(|body| body.starts_with(group)).collect();
        let expected: Vec<String> = (0..20).map(|number| format!("{group}{number}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_not_delivered_yet_when_the_bridge_stops_are_visible_at_once() {
    let mut lab = Lab::new("stopped").await;
    lab.set(Duration::from_hours(1), 20).await;
    (lab.mapping.batch_size, lab.mapping.window_seconds) = (100, 300);
    lab.send(0..3).await;
    let bridge = lab.bridge();
    let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    until("the bridge holds them", async || {
        let asked = lab.sqs.get_queue_attributes().queue_url(&lab.mapping.queue_url);
        let answer = asked.attribute_names(hidden.clone()).send().await.unwrap();
        answer.attributes.unwrap_or_default().get(&hidden).is_some_and(|count| count == "3")
    })
    .await;
    bridge.stop().await;
    lab.mapping.window_seconds = 1;
    let bridge = lab.bridge();
    lab.emptied().await;
    bridge.stop().await;
    assert_eq!(lab.times(), each(0..3, |_| 1));
}
