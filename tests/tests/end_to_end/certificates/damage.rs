//! Rows that are deleted or doubled in a sink by hand, and their repair.

use bytes::Bytes;
use lake::Snapshot;
use s3::ObjectStore;
use serde_json::{Value, json};

use super::{Proof, soon, transfer};

/// Of 22 records, 21 are stored and one is parked. Two transfers are of the same account, so the table has one row
/// less.
#[tokio::test]
async fn a_window_of_stored_and_parked_records_holds_and_counts_both() {
    let mut proof = Proof::start().await;
    proof.transfer(0..20).await;
    proof.produce(["no transfer".to_owned(), transfer("a0", 7)]).await;
    proof.deliver().await;
    let certified = proof.certify().await;
    certified.all_hold();
    for lane in super::LANES {
        let one = certified.last(lane);
        let counts = ["produced", "stored", "parked", "missing", "doubled", "lost"].map(|name| &one[name]);
        assert_eq!(
            counts,
            [&json!(22), &json!(21), &json!(1), &json!(0), &json!(0), &json!(0)],
            "{lane}: {one}"
        );
    }
    // The table keeps the newest row of an account.
    assert_eq!(certified.last("table-writer")["repeated"], 1);
    let idle = proof.certify().await;
    idle.all_hold();
    assert_eq!(idle.last("parquet-writer")["produced"], 0, "an idle hour is certified too");
}

/// Totals have no row per record. Their certificate compares the sum over all keys with the sum of the amounts in
/// Kafka.
#[tokio::test]
async fn a_total_that_was_deleted_by_hand_fails_until_it_is_restored() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    proof.certify().await.all_hold();
    let table = format!("{}.balances", proof.parts.totals_table());
    let delete = format!("DELETE FROM {table} WHERE account = 'a3' RETURNING balance::text");
    assert_eq!(proof.sinks.query_text(&delete).await, ["1"]);
    proof.transfer(3..5).await;
    proof.deliver().await;
    let problems = proof.certify().await.fails_only("totals-upserter");
    assert!(
        problems.contains("over all keys") && problems.contains("is 11") && problems.contains("make 12"),
        "{problems}"
    );
    let shown = proof.on_the_board("totals-upserter").await;
    assert_eq!((&shown["state"], &shown["failing"]), (&json!("failed"), &json!(1)), "{shown}");
    assert!(shown["problems"].to_string().contains("make 12"), "{shown}");
    // The next certificate fails too. Its numbers include the new transfer.
    proof.transfer(0..1).await;
    proof.deliver().await;
    let problems = proof.certify().await.fails_only("totals-upserter");
    assert!(problems.contains("is 12") && problems.contains("make 13"), "{problems}");
    let restored = format!("UPDATE {table} SET balance = balance + 1 WHERE account = 'a3' RETURNING account");
    proof.sinks.query_text(&restored).await;
    proof.certify().await.all_hold();
    let shown = proof.on_the_board("totals-upserter").await;
    assert_eq!((&shown["state"], &shown["failing"]), (&json!("holds"), &json!(0)), "{shown}");
}

/// The row is deleted before its window is judged, so the certificate names the missing record.
#[tokio::test]
async fn a_deleted_row_of_a_table_fails_until_it_is_restored() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    let table = format!("{}.transfers", proof.parts.totals_table());
    let kept = format!("CREATE TABLE kept AS SELECT * FROM {table} WHERE account = 'a6'");
    proof.sinks.database().batch_execute(&kept).await.unwrap();
    let delete = format!("DELETE FROM {table} WHERE account = 'a6'");
    proof.sinks.database().batch_execute(&delete).await.unwrap();
    let certified = proof.certify().await;
    let problems = certified.fails_only("table-writer");
    assert_eq!(certified.last("table-writer")["missing"], 1);
    assert!(problems.contains("neither the record nor its key has a row"), "{problems}");
    let restore = format!("INSERT INTO {table} SELECT * FROM kept");
    proof.sinks.database().batch_execute(&restore).await.unwrap();
    proof.certify().await.all_hold();
}

/// The Delta table, for commits that a test writes into its log by hand.
struct Lake {
    store: ObjectStore,
    snapshot: Snapshot,
    /// The `add` actions of all commits, oldest first.
    adds: Vec<Value>,
}

impl Lake {
    async fn open(proof: &Proof) -> Self {
        let snapshot = proof.sinks.snapshot("transfers").await.unwrap();
        let store = ObjectStore::new(proof.sinks.client(), proof.parts.lake_root.join("transfers"));
        let mut adds = Vec::new();
        for version in 0..=snapshot.version() {
            let log = store.get(&lake::upkeep::commit_path(version), soon()).await.unwrap().unwrap();
            let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
            adds.extend(lines.filter_map(|mut line| line.get_mut("add").map(Value::take)));
        }
        Self { store, snapshot, adds }
    }

    /// Writes the next version of the log, with this one action.
    async fn commit(&self, action: Value) {
        let path = lake::upkeep::commit_path(self.snapshot.version() + 1);
        self.store.put(&path, Bytes::from(action.to_string()), soon()).await.unwrap();
    }
}

/// A `remove` action without a replacement deletes rows, although the positions in the log still say that they are
/// stored.
#[tokio::test]
async fn rows_that_were_removed_from_the_lake_fail_until_they_are_restored() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    let lake = Lake::open(&proof).await;
    let remove =
        json!({"remove": {"path": lake.adds[0]["path"], "deletionTimestamp": 1, "dataChange": true}});
    lake.commit(remove.clone()).await;
    let certified = proof.certify().await;
    let problems = certified.fails_only("parquet-writer");
    assert_eq!(certified.last("parquet-writer")["missing"], 10);
    assert!(
        problems.contains("neither stored nor parked") && problems.contains("number of rows"),
        "{problems}"
    );
    Lake::open(&proof).await.commit(json!({"add": lake.adds[0]})).await;
    proof.certify().await.all_hold();
    // The rows belong to a window that already holds, so no new window covers them. The number of rows shows the loss.
    Lake::open(&proof).await.commit(remove).await;
    let problems = proof.certify().await.fails_only("parquet-writer");
    assert!(
        problems.contains("the number of rows in the table is 0, the records in Kafka make 10"),
        "{problems}"
    );
    Lake::open(&proof).await.commit(json!({"add": lake.adds[0]})).await;
    proof.certify().await.all_hold();
}

/// The copy has another path, so the log cannot show that it is the same file.
#[tokio::test]
async fn rows_of_a_file_that_is_in_the_lake_twice_count_as_doubled() {
    let mut proof = Proof::start().await;
    proof.transfer(0..10).await;
    proof.deliver().await;
    let lake = Lake::open(&proof).await;
    let key = &lake.snapshot.files()[0].key;
    let body = lake.store.get(key, soon()).await.unwrap().unwrap();
    lake.store.put(&format!("{key}-copy"), body, soon()).await.unwrap();
    let mut copy = lake.adds[0].clone();
    copy["path"] = json!(format!("{}-copy", copy["path"].as_str().unwrap()));
    lake.commit(json!({"add": copy})).await;
    let certified = proof.certify().await;
    certified.fails_only("parquet-writer");
    assert_eq!(certified.last("parquet-writer")["doubled"], 10);
    let remove = json!({"remove": {"path": copy["path"], "deletionTimestamp": 1, "dataChange": true}});
    Lake::open(&proof).await.commit(remove).await;
    proof.certify().await.all_hold();
}
