//! A test against a real broker. Its address is in `KAFKA_BOOTSTRAP_SERVERS`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kafka::{ClusterSettings, LagReader};
use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, NewTopic};
use krafka::consumer::AutoOffsetReset;
use rooms_generator::{Generator, Settings};
use tokio::time::Instant;

/// 25,000 records need two chunks. The second invocation uses the number in the settings.
#[tokio::test]
async fn every_record_is_in_the_topic_and_the_answer_has_the_right_sums() {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("this test needs a Kafka broker: set KAFKA_BOOTSTRAP_SERVERS (scripts/test does)");
    let topic = format!("rooms-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let kafka = Kafka::builder(servers.as_str()).connect().await.unwrap();
    let topics = [NewTopic::new(&topic, 4, 1).unwrap()];
    let created = kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
    assert!(created[&topic].is_ok(), "{created:?}");
    let patience = Duration::from_mins(1);
    let offsets = LagReader::connect(&servers, patience).await.unwrap();
    offsets.settled(&topic, 4, Instant::now() + patience).await.unwrap();

    let settings = Settings { cluster: ClusterSettings::plaintext(servers), topic: topic.clone(), count: 5 };
    let generator = Generator::new(settings, settings::sdk_config().await);
    let deadline = Instant::now() + Duration::from_mins(2);
    let request = serde_json::from_str(r#"{"count":25000}"#).unwrap();
    let mut first = generator.run(request, deadline).await.unwrap();
    let more = generator.run(serde_json::from_str("{}").unwrap(), deadline).await.unwrap();
    assert_eq!((first.produced, more.produced), (25_000, 5));
    for (room, sum) in more.sums {
        *first.sums.get_mut(room).unwrap() += sum;
    }

    let consumer =
        kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest).build().await.unwrap();
    consumer.subscribe([topic.as_str()]).await.unwrap();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut read = 0;
    while read < 25_005 {
        assert!(Instant::now() < deadline, "{read} records were read");
        for record in consumer.poll(Duration::from_millis(200)).await.unwrap() {
            let line: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            assert_eq!(record.key_str(), line["room"].as_str());
            *sums.entry(line["room"].as_str().unwrap().to_owned()).or_default() +=
                line["count"].as_u64().unwrap();
            read += 1;
        }
    }
    let told: BTreeMap<String, u64> =
        first.sums.into_iter().map(|(room, sum)| (room.to_owned(), sum)).collect();
    assert_eq!(sums, told);
}
