//! Logs that other tools wrote. `tests/fixtures/make.py` creates them.

use std::path::{Path, PathBuf};

use aws_sdk_s3::{Client, primitives::ByteStream};
use faults::{Classified, FaultClass};
use lake::{LakeError, Snapshot};
use s3::S3Location;

use crate::{
    proxy::{Handling, Proxy},
    support::{Offsets, app_id, client, client_of, each_once, location, snapshot, soon, stored, table},
};

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

pub(crate) async fn put(client: &Client, location: &S3Location, path: &str, body: Vec<u8>) {
    let put =
        client.put_object().bucket(location.bucket()).key(location.key(path)).body(ByteStream::from(body));
    put.send().await.unwrap();
}

pub(crate) async fn uploaded(client: &Client, fixture: &str) -> S3Location {
    let location = location(fixture);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    for file in files_below(&root) {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
        put(client, &location, path, std::fs::read(&file).unwrap()).await;
    }
    location
}

#[tokio::test]
async fn checkpoints_of_every_kind_are_understood_and_appended_to() {
    let client = client().await;
    for fixture in ["v1", "parts", "v2-parquet", "v2-json"] {
        let location = uploaded(&client, fixture).await;
        let found = snapshot(&client, &location).await;
        assert_eq!((found.version(), found.rows()), (3, Some(40)), "{fixture}");
        assert_eq!(stored(&found).await, each_once(0..1, 0..40), "{fixture}");

        let mut writer = table(&client, &location);
        assert_eq!(writer.app_versions(soon()).await.unwrap().get(&app_id(0)), Some(40), "{fixture}");
        let done = writer.append(&mut Offsets::new(0, 30..55), soon()).await.unwrap();
        assert_eq!((done.version, done.rows), (Some(4), 15), "{fixture}");
        // The next cold writer finds a commit of Headwater, but the columns are only in the checkpoint.
        let done = table(&client, &location).append(&mut Offsets::new(0, 50..60), soon()).await.unwrap();
        assert_eq!((done.version, done.rows), (Some(5), 5), "{fixture}");
        assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..60), "{fixture}");
    }
}

#[tokio::test]
async fn a_checkpoint_that_ends_the_log_is_enough() {
    let client = client().await;
    let location = uploaded(&client, "v1").await;
    let last = location.key("_delta_log/00000000000000000003.json");
    client.delete_object().bucket(location.bucket()).key(last).send().await.unwrap();
    let mut writer = table(&client, &location);
    assert_eq!(writer.app_versions(soon()).await.unwrap().get(&app_id(0)), Some(30));
    assert_eq!(writer.append(&mut Offsets::new(0, 0..35), soon()).await.unwrap().version, Some(3));
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..35));
}

#[tokio::test]
async fn a_hint_that_is_wrong_or_damaged_does_not_mislead() {
    let client = client().await;
    for hint in [r#"{"version":3,"size":1}"#, r#"{"version":900,"size":1}"#, "{"] {
        let location = uploaded(&client, "v1").await;
        put(&client, &location, "_delta_log/_last_checkpoint", hint.into()).await;
        assert_eq!(
            table(&client, &location).app_versions(soon()).await.unwrap().get(&app_id(0)),
            Some(40),
            "{hint}"
        );
    }
}

async fn with_definitions(client: &Client, protocol: &str, configuration: &str) -> S3Location {
    let location = location("features");
    let columns = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"_partition\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},{\"name\":\"_offset\",\"type\":\"long\",\"nullable\":false,\"metadata\":{}},{\"name\":\"kind\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"#;
    let log = format!(
        concat!(
            "{{\"protocol\":{protocol}}}\n",
            "{{\"metaData\":{{\"id\":\"i\",\"format\":{{\"provider\":\"parquet\",\"options\":{{}}}},",
            "\"schemaString\":\"{columns}\",\"partitionColumns\":[\"kind\"],\"configuration\":{configuration}}}}}\n"
        ),
        protocol = protocol,
        columns = columns,
        configuration = configuration,
    );
    put(client, &location, "_delta_log/00000000000000000000.json", log.into_bytes()).await;
    location
}

#[tokio::test]
async fn tables_that_ask_for_more_than_we_know_are_refused_by_name_and_left_alone() {
    let client = client().await;
    for (protocol, configuration, named) in [
        (
            r#"{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking","domainMetadata"]}"#,
            "{}",
            "writer feature rowTracking",
        ),
        (
            r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["variantType"],"writerFeatures":["variantType"]}"#,
            "{}",
            "reader feature variantType",
        ),
        (
            r#"{"minReaderVersion":2,"minWriterVersion":5}"#,
            r#"{"delta.columnMapping.mode":"name"}"#,
            "column mapping by name",
        ),
        (
            r#"{"minReaderVersion":1,"minWriterVersion":3}"#,
            r#"{"delta.constraints.c":"_offset > 0"}"#,
            "delta.constraints.c",
        ),
        (
            r#"{"minReaderVersion":1,"minWriterVersion":2}"#,
            r#"{"delta.setTransactionRetentionDuration":"interval 30 days"}"#,
            "UNSET TBLPROPERTIES ('delta.setTransactionRetentionDuration')",
        ),
        (
            r#"{"minReaderVersion":1,"minWriterVersion":2}"#,
            r#"{"delta.logRetentionDuration":"interval 5 minutes","delta.deletedFileRetentionDuration":"interval 0 hours"}"#,
            "UNSET TBLPROPERTIES ('delta.deletedFileRetentionDuration', 'delta.logRetentionDuration')",
        ),
        (
            r#"{"minReaderVersion":1,"minWriterVersion":2}"#,
            r#"{"delta.notKnownYet":"true"}"#,
            "delta.notKnownYet",
        ),
    ] {
        let location = with_definitions(&client, protocol, configuration).await;
        let fault = table(&client, &location).append(&mut Offsets::new(0, 0..1), soon()).await.unwrap_err();
        assert_eq!(fault.class(), FaultClass::Configuration);
        assert!(fault.to_string().contains(named), "{fault}");
        let objects =
            client.list_objects_v2().bucket(location.bucket()).prefix(location.key("")).send().await;
        assert_eq!(objects.unwrap().contents().len(), 1);
    }
    let plain = with_definitions(
        &client,
        r#"{"minReaderVersion":1,"minWriterVersion":4}"#,
        r#"{"delta.appendOnly":"true","delta.logRetentionDuration":"interval 7 days","owner":"somebody"}"#,
    )
    .await;
    assert_eq!(
        table(&client, &plain).append(&mut Offsets::new(0, 0..1), soon()).await.unwrap().version,
        Some(1)
    );
}

#[tokio::test]
async fn a_feature_that_is_switched_on_while_we_write_stops_the_next_commit() {
    let client = client().await;
    let location = location("switched");
    let mut warm = table(&client, &location);
    warm.append(&mut Offsets::new(0, 0..1), soon()).await.unwrap();
    let protocol =
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking"]}}"#;
    put(&client, &location, "_delta_log/00000000000000000001.json", protocol.into()).await;
    let fault = warm.append(&mut Offsets::new(0, 0..2), soon()).await.unwrap_err();
    assert!(matches!(fault, LakeError::Unsupported { .. }), "{fault}");
}

#[tokio::test]
async fn a_property_that_is_set_while_we_write_stops_the_next_commit() {
    let client = client().await;
    let location = with_definitions(&client, r#"{"minReaderVersion":1,"minWriterVersion":2}"#, "{}").await;
    let mut warm = table(&client, &location);
    warm.append(&mut Offsets::new(0, 0..1), soon()).await.unwrap();
    let first = location.key("_delta_log/00000000000000000000.json");
    let first = client.get_object().bucket(location.bucket()).key(first).send().await.unwrap();
    let first = String::from_utf8(first.body.collect().await.unwrap().to_vec()).unwrap();
    let metadata = first.lines().last().unwrap();
    let changed = metadata.replace(
        r#""configuration":{}"#,
        r#""configuration":{"delta.setTransactionRetentionDuration":"interval 1 days"}"#,
    );
    assert_ne!(changed, metadata);
    put(&client, &location, "_delta_log/00000000000000000002.json", changed.into()).await;
    let fault = warm.append(&mut Offsets::new(0, 0..2), soon()).await.unwrap_err();
    assert!(matches!(fault, LakeError::Properties { .. }), "{fault}");
    // Reading the table is safe.
    assert_eq!(stored(&snapshot(&client, &location).await).await, each_once(0..1, 0..1));
}

#[tokio::test]
async fn commits_of_other_writers_after_ours_are_taken_in_by_a_cold_writer() {
    let client = client().await;
    let location = location("mixed");
    table(&client, &location).append(&mut Offsets::new(0, 0..10), soon()).await.unwrap();
    for version in 1..4 {
        let txn = format!(r#"{{"txn":{{"appId":"{}","version":{}}}}}"#, app_id(version), version * 100);
        let lines = format!("{{\"commitInfo\":{{\"operation\":\"OPTIMIZE\"}}}}\n{txn}\n");
        put(&client, &location, &format!("_delta_log/{version:020}.json"), lines.into()).await;
    }
    let mut cold = table(&client, &location);
    let apps = cold.app_versions(soon()).await.unwrap();
    assert_eq!([0, 1, 3].map(|p| apps.get(&app_id(p))), [Some(10), Some(100), Some(300)]);
    assert_eq!(cold.append(&mut Offsets::new(0, 0..11), soon()).await.unwrap().version, Some(4));
}

#[tokio::test]
async fn a_missing_version_is_reported_and_nothing_is_written() {
    let client = client().await;
    let location = location("gap");
    let mut writer = table(&client, &location);
    for offset in 0..3 {
        writer.append(&mut Offsets::new(0, offset..offset + 1), soon()).await.unwrap();
    }
    let gone = location.key("_delta_log/00000000000000000001.json");
    client.delete_object().bucket(location.bucket()).key(gone).send().await.unwrap();
    let proxy = Proxy::start(|_| Handling::Passes).await;
    let through = client_of(&proxy.endpoint).await;
    let fault = table(&through, &location).append(&mut Offsets::new(0, 0..9), soon()).await.unwrap_err();
    assert!(matches!(fault, LakeError::Moved { .. }), "{fault}");
    assert!(proxy.seen().iter().all(|(request, _)| request.method == "GET"));
}

#[tokio::test]
async fn a_missing_table_has_no_snapshot() {
    let client = client().await;
    assert!(Snapshot::read(client, location("none"), soon()).await.unwrap().is_none());
}
