//! Creates the tables for the tests, and reads their objects on S3.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::{Client, primitives::ByteStream};
use chrono::{DateTime, Utc};
use lake::Table;
use lake_upkeep::Keeper;
use s3::{ObjectStore, S3Location};

use crate::support::{Offsets, app_id, soon, table};

/// A retention that is over at `later`.
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const WEEK: Duration = Duration::from_hours(7 * 24);

/// A keeper with the default retention of removed files, 7 days.
pub(crate) fn keeper(client: &Client, location: &S3Location) -> Keeper {
    Keeper::new(client.clone(), location.clone())
}

/// A time after all retentions.
pub(crate) fn later() -> DateTime<Utc> {
    Utc::now() + chrono::Duration::days(60)
}

/// Makes one commit with ten offsets for each number.
pub(crate) async fn append(client: &Client, location: &S3Location, commits: std::ops::Range<i64>) {
    let mut writer: Table = table(client, location);
    for commit in commits {
        let mut rows = Offsets::new(0, commit * 10..commit * 10 + 10);
        writer.append(&mut rows, soon()).await.unwrap();
    }
}

/// The position that the table stores: the next offset of partition 0.
pub(crate) async fn position(client: &Client, location: &S3Location) -> Option<i64> {
    table(client, location).app_versions(soon()).await.unwrap().get(&app_id(0))
}

/// Writes an object of the table directly, without a commit.
pub(crate) async fn put(client: &Client, location: &S3Location, path: &str, body: impl Into<Vec<u8>>) {
    let body = ByteStream::from(body.into());
    let put = client.put_object().bucket(location.bucket()).key(location.key(path)).body(body);
    put.send().await.unwrap();
}

/// Writes the next commit, with these actions.
pub(crate) async fn commit(
    client: &Client,
    location: &S3Location,
    version: i64,
    actions: &[serde_json::Value],
) {
    let lines: Vec<String> = actions.iter().map(|action| format!("{action}\n")).collect();
    let lines = lines.concat();
    put(client, location, &format!("_delta_log/{version:020}.json"), lines).await;
}

/// All keys below the table, sorted.
pub(crate) async fn keys(client: &Client, location: &S3Location) -> Vec<String> {
    let store = ObjectStore::new(client.clone(), location.clone());
    store.list_below("", soon()).await.unwrap().into_iter().map(|object| object.path).collect()
}

/// The names of the log's files, sorted.
pub(crate) async fn log_names(client: &Client, location: &S3Location) -> Vec<String> {
    let keys = keys(client, location).await;
    keys.into_iter().filter_map(|key| key.strip_prefix("_delta_log/").map(ToOwned::to_owned)).collect()
}

/// The text of an object of the table.
pub(crate) async fn read(client: &Client, location: &S3Location, path: &str) -> String {
    let found = client.get_object().bucket(location.bucket()).key(location.key(path)).send().await.unwrap();
    String::from_utf8(found.body.collect().await.unwrap().to_vec()).unwrap()
}

/// The content of `_last_checkpoint`.
pub(crate) async fn hint(client: &Client, location: &S3Location) -> serde_json::Value {
    serde_json::from_str(&read(client, location, "_delta_log/_last_checkpoint").await).unwrap()
}

/// The actions of one kind in a commit, each as its whole line.
pub(crate) async fn actions(
    client: &Client,
    location: &S3Location,
    version: i64,
    kind: &str,
) -> Vec<serde_json::Value> {
    let lines = read(client, location, &format!("_delta_log/{version:020}.json")).await;
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line.get(kind).is_some()).collect()
}

/// Waits until new objects are at least two seconds younger than all earlier ones, by the clock of the object store.
pub(crate) async fn wait_for_clock(client: &Client, location: &S3Location) -> DateTime<Utc> {
    let store = ObjectStore::new(client.clone(), location.clone());
    let mut first = None;
    let deadline = soon();
    loop {
        put(client, location, "_clock", "").await;
        let now = store.head("_clock", deadline).await.unwrap().unwrap().modified;
        let began = *first.get_or_insert(now);
        if now >= began + chrono::Duration::seconds(2) {
            return began;
        }
        assert!(tokio::time::Instant::now() < deadline, "the store's clock did not advance in time");
        tokio::task::yield_now().await;
    }
}

/// All files in a local folder and its subfolders.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A table with a checkpoint of another tool: a fixture of the crate `lake`.
pub(crate) async fn uploaded(client: &Client, fixture: &str) -> S3Location {
    let location = crate::support::location(fixture);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lake/tests/fixtures").join(fixture);
    for file in files_below(&root) {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
        put(client, &location, path, std::fs::read(&file).unwrap()).await;
    }
    location
}
