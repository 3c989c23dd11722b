//! lake-keeper on tables that parquet-writer wrote.

use end_to_end::{Function, Parts, Sinks, event, room};
use serde_json::json;

/// Number of batches, each with ten records.
const BATCHES: i64 = 12;

/// The event of a batch: the ten records from offset `10 * number` on.
fn batch(topic: &str, number: i64) -> Vec<u8> {
    let records: Vec<_> = (0..10).map(|n| room(0, number * 10 + n, "kitchen", 1)).collect();
    event(topic, &records)
}

/// Each batch makes one small file. `force` runs the steps before their thresholds are reached.
#[tokio::test]
async fn small_files_are_compacted_and_a_checkpoint_is_written_and_every_record_stays_stored_once() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let mut writer = Function::start("parquet-writer", &parts, &pipelines).await;
    for number in 0..BATCHES {
        writer.invoke(&batch(&parts.topic, number)).await.all_handled();
    }
    let mut keeper = Function::start("lake-keeper", &parts, &pipelines).await;

    let planned = keeper.invoke(br#"{"dry_run":true,"force":true}"#).await.answer();
    assert_eq!(planned["tables"][0]["files_joined"], json!(BATCHES), "{planned}");
    let sinks = Sinks::open(&parts).await;
    let path = "env=dv/source=rooms/subsrc=midgar";
    let before = sinks.snapshot(path).await.unwrap();
    assert_eq!((before.files().len(), before.rows()), (12, Some(120)), "a dry run changes nothing");

    let done = keeper.invoke(br#"{"force":true}"#).await.answer();
    let table = &done["tables"][0];
    assert_eq!((&table["files_joined"], &table["files_written"]), (&json!(BATCHES), &json!(1)), "{done}");
    assert_eq!((&table["checkpoint_made"], &table["error"]), (&json!(true), &json!(null)), "{done}");
    let after = sinks.snapshot(path).await.unwrap();
    assert_eq!((after.files().len(), after.rows()), (1, Some(120)));

    // A new writer finds the positions in the compacted table, so it does not store a batch again.
    let mut cold = Function::start("parquet-writer", &parts, &pipelines).await;
    cold.invoke(&batch(&parts.topic, BATCHES - 1)).await.all_handled();
    cold.invoke(&batch(&parts.topic, BATCHES)).await.all_handled();
    assert_eq!(sinks.snapshot(path).await.unwrap().rows(), Some(130));
}

#[tokio::test]
async fn a_topic_without_records_is_neither_behind_nor_an_error() {
    let parts = Parts::of_environment();
    let mut keeper = Function::start("lake-keeper", &parts, &[parts.rooms_pipeline()]).await;
    for steps in [json!(["checkpoint", "compact"]), json!(["clean_log", "vacuum"])] {
        let event = json!({ "steps": steps }).to_string();
        let done = keeper.invoke(event.as_bytes()).await.answer();
        let table = &done["tables"][0];
        assert_eq!((&table["behind"], &table["error"]), (&json!(false), &json!(null)), "{done}");
    }
}

/// The error names the known topics or steps.
#[tokio::test]
async fn a_topic_without_a_table_and_a_misspelt_step_are_refused_by_name() {
    let parts = Parts::of_environment();
    let mut keeper = Function::start("lake-keeper", &parts, &[parts.rooms_pipeline()]).await;
    let (class, message) = keeper.invoke(br#"{"topics":["elsewhere"]}"#).await.error();
    assert!(
        class == "poison" && message.contains("elsewhere") && message.contains(&parts.topic),
        "{class} {message}"
    );
    let (class, message) = keeper.invoke(br#"{"steps":["vaccum"]}"#).await.error();
    assert!(class == "poison" && message.contains("clean_log"), "{class} {message}");
}
