//! A topic is deleted and created again while the stack runs, and an operator resets its positions.

use end_to_end::{
    stack::{headwater, json},
    until,
};
use krafka::admin::{CreateTopicsOptions, DeleteTopicsOptions, NewTopic};

use super::TURN;
use super::transfers::{GROUPS, TOPIC, kafka, of_topic, produce, stored, verify};

/// Rows of the earlier topic stay in the tables. They must not count for the new one.
#[tokio::test]
async fn after_the_reset_of_a_topic_that_was_created_again_its_records_are_stored_once_and_verify_holds() {
    let _turn = TURN.lock().await;
    produce(40).await;
    assert_eq!(stored().len(), GROUPS.len(), "lake, totals and table");
    let kafka = kafka().await;
    kafka.admin().delete_topics([TOPIC], DeleteTopicsOptions::default()).await.unwrap();
    until("the topic can be created", async || {
        let again = [NewTopic::new(TOPIC, 1, 1).unwrap()];
        let created = kafka.admin().create_topics(again, CreateTopicsOptions::default()).await;
        created.is_ok_and(|results| results.into_values().all(|result| result.is_ok()))
    })
    .await;
    produce(30).await;
    until("each sink refuses the topic", async || {
        let lanes = of_topic(&verify());
        lanes.iter().all(|lane| lane["problems"].to_string().contains("created again"))
    })
    .await;
    for group in GROUPS {
        headwater(&["offsets", "reset", "--group", group, "--topic", TOPIC]).unwrap();
    }
    assert_eq!(stored(), [30, 30, 30], "what the earlier topic left in the tables is no part of it");
    let independent = json(&["verify", "--independent", "--json"]);
    let opinions = independent["independent"].as_array().unwrap();
    let opinion = opinions.iter().find(|opinion| opinion["topic"] == TOPIC).unwrap();
    assert_eq!((&opinion["records"], &opinion["missing"]), (&30.into(), &0.into()), "{opinion}");
    produce(5).await;
    assert_eq!(stored(), [35, 35, 35]);
}
