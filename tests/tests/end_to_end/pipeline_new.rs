//! `headwater pipeline new --from-topic`: drafts a pipeline file from the records of a topic on the real broker.

use std::collections::BTreeSet;
use std::time::Duration;

use end_to_end::Topic;
use end_to_end::stack::headwater;
use kafka::{ClusterSettings, KafkaProducer, OutgoingRecord};
use pipeline::{Pipeline, RecordDecoder};
use settings::Environment;
use tokio::time::Instant;

/// Timeout of [`send`].
const PATIENCE: Duration = Duration::from_mins(1);

/// Produces the 301 values of this test.
async fn send(topic: &Topic, values: impl IntoIterator<Item = String>) {
    let plaintext = [("KAFKA_AUTH".to_owned(), "plaintext".to_owned())];
    let environment: Environment = std::env::vars().chain(plaintext).collect();
    let settings = environment.settings::<ClusterSettings>().unwrap();
    let producer = KafkaProducer::new(settings, settings::sdk_config().await);
    let records = values.into_iter().map(|value| OutgoingRecord::new(value.clone(), value));
    let acknowledged = producer.send_all(&topic.name, records, Instant::now() + PATIENCE).await.unwrap();
    assert_eq!(acknowledged.records, 301);
}

/// 300 of 301 records are JSON objects. Every tenth has a field that the others lack.
#[tokio::test]
async fn every_object_of_a_topic_decodes_with_the_file_that_is_drafted_from_it() {
    let topic = Topic::make(&format!("coffee-{}", uuid::Uuid::new_v4().simple()), 3).await;
    let cup = |number: u32| {
        let note = if number.is_multiple_of(10) { r#","note":"decaf""# } else { "" };
        format!(
            r#"{{"brewed_at":{},"machine":"m-{}","cups":{}{note}}}"#,
            1_795_209_862 + number,
            number % 7,
            number % 3
        )
    };
    send(&topic, (0..300).map(cup).chain(["no JSON".to_owned()])).await;
    let yaml = headwater(&["pipeline", "new", &topic.name, "--from-topic", "--output", "-"]).unwrap();
    let pipeline = Pipeline::from_yaml(&yaml, "the draft").unwrap();
    assert_eq!((pipeline.topic.partitions, pipeline.event_time.as_deref()), (3, Some("brewed_at")));
    let nullable: BTreeSet<&str> =
        pipeline.fields.iter().filter(|field| field.nullable).map(|field| field.name.as_str()).collect();
    assert_eq!(nullable, BTreeSet::from(["note"]));
    let decoder = RecordDecoder::new(&pipeline.fields);
    let records = topic.records().await;
    let fitting = records.iter().filter(|record| {
        decoder.decode(record.value.as_deref().unwrap_or_default(), &mut Vec::new()).is_ok()
    });
    assert_eq!(fitting.count(), 300);
}

#[test]
fn a_topic_that_does_not_exist_is_refused_with_the_fix() {
    let refused = headwater(&["pipeline", "new", "nowhere-v1", "--from-topic", "--output", "-"]).unwrap_err();
    assert!(
        refused.contains("topic nowhere-v1 does not exist") && refused.contains("--from FILE"),
        "{refused}"
    );
}
