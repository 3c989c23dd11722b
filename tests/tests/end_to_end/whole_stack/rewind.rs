//! A table was restored to an older version. After a rewind, its lane reads the missing records again and stores them
//! once.

use std::time::Duration;

use end_to_end::stack::{headwater, json};
use end_to_end::{Parts, Sinks};
use lake::Snapshot;
use s3::{ObjectStore, PutIfAbsent, S3Location};
use tokio::time::Instant;

use super::TURN;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Removes up to eight files from the table, as a `RESTORE` to an older version does. The positions stay unchanged.
/// Returns how many rows were removed.
async fn restore(client: s3::Client, table: S3Location) -> u64 {
    let snapshot = Snapshot::read(client.clone(), table.clone(), soon()).await.unwrap().unwrap();
    let taken: Vec<_> = snapshot.files().iter().step_by(2).take(8).collect();
    let remove = |path: &str| {
        serde_json::json!({"remove": {"path": path, "deletionTimestamp": 1_795_209_862_000_i64, "dataChange": true}})
            .to_string()
    };
    let lines: Vec<String> = taken.iter().map(|file| remove(&file.key)).collect();
    let path = format!("_delta_log/{:020}.json", snapshot.version() + 1);
    let put = ObjectStore::new(client, table).put_if_absent(&path, lines.join("\n").into(), soon()).await;
    assert!(matches!(put.unwrap(), PutIfAbsent::Written));
    taken.iter().filter_map(|file| file.rows).sum()
}

/// A rewind sets the committed offsets of the group back to the first missing record.
#[tokio::test]
async fn the_missing_records_of_a_restored_table_are_stored_once_after_a_rewind() {
    let _turn = TURN.lock().await;
    for _ in 0..2 {
        headwater(&["rooms", "--count", "500"]).unwrap();
        headwater(&["drain"]).unwrap();
    }
    assert_eq!(json(&["verify", "--json"])["holds"], true);
    let root: S3Location = std::env::var("HEADWATER_LAKE").unwrap().parse().unwrap();
    let client = Sinks::open(&Parts::of_environment()).await.client();
    let gone = restore(client, root.join("env=dv/source=rooms/subsrc=midgar")).await;
    assert!(gone > 0);
    let refused = headwater(&["verify", "--timeout", "1s"]).unwrap_err();
    assert!(refused.contains("neither stored nor parked"), "{refused}");
    // Without a rewind, Kafka delivers nothing again, because the group's committed offsets are ahead of the table.
    headwater(&["drain"]).unwrap();
    let said = headwater(&["offsets", "reset", "--rewind", "--group", "coldstorage", "--topic", "rooms-v1"])
        .unwrap();
    assert!(said.contains("coldstorage reads rooms-v1 again"), "{said}");
    headwater(&["drain"]).unwrap();
    let verdict = json(&["verify", "--json"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
}
