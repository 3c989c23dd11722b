//! bucket-ingester reads the list and its files from a web server over plain HTTP.

use end_to_end::{Function, Parts, Sinks, Web};
use serde_json::{Value, json};

/// A media file with one song per title.
fn songs(titles: &[&str]) -> Vec<u8> {
    let rows: Vec<Value> = titles
        .iter()
        .map(|title| json!({"type": "song", "data": {"artist_name": "A", "title": title, "year": 1994, "release": "R"}}))
        .collect();
    serde_json::to_vec(&rows).unwrap()
}

/// The first three requests fail with status 503. A second run reads nothing again, and a third one reads only the
/// files that changed.
#[tokio::test]
async fn each_version_of_a_file_of_a_web_server_is_stored_once_despite_failed_requests() {
    let web = Web::start().await;
    web.put("files_list.data", "a b.json\nmissing.json\n");
    web.put("a b.json", songs(&["one", "two"]));
    let mut parts = Parts::of_environment().with_own_database().await;
    parts.media.clone_from(&web.url);
    let sinks = Sinks::open(&parts).await;
    let mut function = Function::start("bucket-ingester", &parts, &[]).await;
    web.fail(3);
    let answer = function.invoke(b"{}").await.answer();
    assert_eq!((&answer["RowsStored"], &answer["ObjectsMissing"]), (&json!(2), &json!(1)), "{answer}");
    let answer = function.invoke(b"{}").await.answer();
    assert_eq!((&answer["ObjectsUnchanged"], &answer["RowsStored"]), (&json!(1), &Value::Null), "{answer}");
    web.put("a b.json", songs(&["one", "two", "three"]));
    web.put("missing.json", songs(&["four"]));
    let answer = function.invoke(b"{}").await.answer();
    assert_eq!(answer["ObjectsProcessed"], 2, "{answer}");
    assert_eq!(sinks.query_text("SELECT title FROM songs ORDER BY 1").await, ["four", "one", "three", "two"]);
    let origin = sinks.query_text("SELECT DISTINCT source_object FROM songs ORDER BY 1").await;
    assert_eq!(origin, [format!("{}/a%20b.json", web.url), format!("{}/missing.json", web.url)]);
    web.put("files_list.data", "");
    assert_eq!(function.invoke(b"{}").await.answer(), json!({"objects": 0, "ObjectsListed": 0}));
}
