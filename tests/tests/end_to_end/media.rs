//! bucket-ingester stores each row of a media file once, in any order and with any repetition of the notifications.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use end_to_end::{Function, Invoked, Moment, ObjectLane, Proxy, authority, notification, queue_event};
use futures::future::join_all;
use serde_json::{Value, json};

async fn start() -> ObjectLane {
    ObjectLane::start("bucket-ingester").await
}

/// Invokes the function with an event that is not a notification. Returns its answer.
async fn command(lane: &mut ObjectLane, command: Value) -> Value {
    lane.function.invoke(command.to_string().as_bytes()).await.answer()
}

/// All stored apps as `NAME VERSION RATING`, sorted.
async fn apps(lane: &ObjectLane) -> Vec<String> {
    lane.sinks.query_text("SELECT name || ' ' || version || ' ' || rating FROM apps ORDER BY 1").await
}

/// An object's entry in the registry: `STATE GOOD IGNORED PARKED`, with the numbers of rows.
async fn state(lane: &ObjectLane, key: &str) -> String {
    let sql = format!(
        "SELECT state || ' ' || rows_good || ' ' || rows_ignored || ' ' || rows_parked FROM processed_objects \
         WHERE key = '{key}'"
    );
    lane.sinks.query_text(&sql).await.join(";")
}

/// A valid row of the table `apps`. Its key is `name` and `version`.
fn app(name: &str, version: u32, rating: u32) -> Value {
    json!({"type": "app", "data": {"name": name, "genre": "Games", "version": version.to_string(), "rating": rating, "size_bytes": 1}})
}

/// A media file: a JSON array of rows.
fn file(rows: &[Value]) -> Vec<u8> {
    serde_json::to_vec(rows).unwrap()
}

/// Covers damaged, empty, compressed, missing and oddly named files. A sweep, repeated notifications and a forced run
/// must not change the result.
#[tokio::test]
async fn every_good_row_is_stored_every_bad_one_is_parked_and_a_second_run_changes_nothing() {
    let mut lane = start().await;
    let good = file(&[app("a", 1, 5), app("b", 1, 4)]);
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(&file(&[app("zipped", 1, 3)])).unwrap();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("good.json", good.clone()),
        (
            "mixed.json",
            file(&[
                json!({"type": "app"}),
                app("c", 1, 1),
                json!({"type": "book", "data": {}}),
                json!(7),
                json!({"type": "movie", "data": {"original_title": "T", "release_date": "not-a-date"}}),
            ]),
        ),
        ("object.json", app("d", 1, 1).to_string().into_bytes()),
        ("truncated.json", file(&[app("e", 1, 1), app("f", 1, 1)])[..130].to_vec()),
        ("empty.json", Vec::new()),
        ("text.json", b"hello".to_vec()),
        ("with space+plus 100% ü.json", file(&[app("odd", 1, 2)])),
        ("zipped.json.gz", zipped.finish().unwrap()),
        (
            "values.json",
            file(&[
                json!({"type": "app", "data": {"name": "huge", "genre": null, "version": "1", "rating": 5, "size_bytes": 4_025_969_664_u64}}),
                json!({"type": "song", "data": {"artist_name": "A", "title": "T", "year": null, "release": "R", "extra": 1}}),
            ]),
        ),
    ];
    for (key, body) in &files {
        lane.bucket.put(key, body.clone()).await;
    }
    let keys: Vec<&str> = files.iter().map(|(key, _)| *key).chain(["missing.json"]).collect();
    lane.bucket.list(&keys).await;
    lane.tell(&["files_list.data"]).await;
    let expected = ["a 1 5", "b 1 4", "c 1 1", "e 1 1", "huge 1 5", "odd 1 2", "zipped 1 3"];
    assert_eq!(apps(&lane).await, expected);
    let song = "SELECT coalesce(year::text, 'null') || ' ' || (ingestion_time IS NOT NULL) FROM songs";
    assert_eq!(lane.sinks.query_text(song).await, ["null true"]);
    let size = "SELECT size_bytes || ' ' || is_awesome FROM apps WHERE name = 'huge'";
    assert_eq!(lane.sinks.query_text(size).await, ["4025969664 true"]);
    let parked = lane.parked().await;
    let places: Vec<&str> = parked.keys().map(String::as_str).collect();
    let bad = [
        "empty.json",
        "missing.json",
        "mixed.json#0",
        "mixed.json#3",
        "mixed.json#4",
        "object.json",
        "text.json",
        "truncated.json",
    ];
    assert_eq!(places, bad, "{parked:?}");
    assert_eq!(state(&lane, "mixed.json").await, "processed 1 1 3");
    assert_eq!(state(&lane, "truncated.json").await, "parked 1 0 0");
    let rows = lane.sinks.query_text("SELECT string_agg(a::text, ';' ORDER BY name) FROM apps a").await;
    let swept = command(&mut lane, json!({})).await;
    assert_eq!(swept, json!({"objects": 0, "ObjectsListed": keys.len()}));
    lane.tell(&keys).await;
    assert_eq!(
        lane.sinks.query_text("SELECT string_agg(a::text, ';' ORDER BY name) FROM apps a").await,
        rows
    );
    assert_eq!(lane.parked().await, parked);
    let forced = command(&mut lane, json!({"force": true})).await;
    assert_eq!((&forced["objects"], &forced["RowsStored"]), (&json!(10), &json!(8)), "{forced}");
    assert_eq!((apps(&lane).await, lane.parked().await), (expected.map(str::to_owned).to_vec(), parked));
}

/// The list may name a file before it is uploaded. When both files are stored, their parked entries are deleted.
#[tokio::test]
async fn a_missing_and_a_damaged_file_are_parked_and_stored_by_the_sweep_after_they_are_complete() {
    let mut lane = start().await;
    let whole = file(&[app("a", 1, 1), app("b", 1, 1)]);
    lane.bucket.put("damaged.json", &whole[..100]).await;
    lane.bucket.list(&["tomorrow.json", "damaged.json"]).await;
    command(&mut lane, json!({"sweep": true})).await;
    assert_eq!(lane.parked().await.into_keys().collect::<Vec<_>>(), ["damaged.json", "tomorrow.json"]);
    lane.bucket.put("tomorrow.json", file(&[app("c", 1, 1)])).await;
    lane.bucket.put("damaged.json", whole).await;
    command(&mut lane, json!({})).await;
    assert_eq!(apps(&lane).await, ["a 1 1", "b 1 1", "c 1 1"]);
    assert_eq!(lane.parked().await, BTreeMap::new());
    lane.bucket.delete("tomorrow.json").await;
    command(&mut lane, json!({})).await;
    assert_eq!(lane.parked().await, BTreeMap::new(), "what was read and then deleted is no loss");
}

/// The registry contains the version that was read, so a notification for it has no effect.
#[tokio::test]
async fn a_replaced_file_is_read_again_and_a_late_notification_of_the_old_one_changes_nothing() {
    let mut lane = start().await;
    lane.bucket.put("k.json", file(&[app("a", 1, 1), app("a", 2, 1)])).await;
    lane.tell(&["k.json"]).await;
    lane.bucket.put("k.json", file(&[app("a", 1, 2)])).await;
    lane.tell(&["k.json"]).await;
    assert_eq!(apps(&lane).await, ["a 1 2", "a 2 1"]);
    let registered = lane.sinks.query_text("SELECT processed_at::text FROM processed_objects").await;
    lane.tell(&["k.json"]).await;
    assert_eq!(lane.sinks.query_text("SELECT processed_at::text FROM processed_objects").await, registered);
    lane.bucket.put("k.json", file(&[app("a", 1, 1), app("a", 2, 1)])).await;
    lane.tell(&["k.json"]).await;
    assert_eq!(apps(&lane).await, ["a 1 1", "a 2 1"], "what was there before may come back");
}

/// The time of the file decides, not the order of reading.
#[tokio::test]
async fn of_two_files_with_the_same_key_the_newer_wins_whichever_is_read_first() {
    let mut lane = start().await;
    lane.bucket.put("older.json", file(&[app("a", 1, 1)])).await;
    // S3 reports times in whole seconds.
    let older = lane.bucket.modified("older.json").await;
    loop {
        lane.bucket.put("newer.json", file(&[app("a", 1, 2)])).await;
        if lane.bucket.modified("newer.json").await > older {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lane.tell(&["newer.json"]).await;
    lane.tell(&["older.json"]).await;
    assert_eq!(apps(&lane).await, ["a 1 2"]);
    command(&mut lane, json!({"force": true, "keys": ["older.json"]})).await;
    assert_eq!(apps(&lane).await, ["a 1 2"]);
}

/// SQS may deliver a message more than once. The registry must show one reading per object.
#[tokio::test]
async fn a_notification_that_several_environments_get_ten_times_at_once_is_handled_once() {
    let mut lane = start().await;
    let mut environments = Vec::new();
    for _ in 0..4 {
        environments.push(Function::start("bucket-ingester", &lane.parts, &[]).await);
    }
    // Files with the same rows in opposite orders: transactions that lock rows in the order of the file would deadlock.
    let rows: Vec<Value> = (0..500).map(|number| app(&format!("n{number}"), 1, 1)).collect();
    let reversed: Vec<Value> = rows.iter().rev().cloned().collect();
    for number in 0..4 {
        let body = if number % 2 == 0 { file(&rows) } else { file(&reversed) };
        lane.bucket.put(&format!("{number}.json"), body).await;
    }
    let one = notification(lane.bucket.name(), &["0.json", "1.json", "2.json", "3.json"]);
    let event = queue_event(&vec![one; 10]);
    let answers = join_all(environments.iter_mut().map(|environment| environment.invoke(&event))).await;
    for answer in answers {
        assert_eq!(answer.answer(), json!({"batchItemFailures": []}));
    }
    assert_eq!(apps(&lane).await.len(), 500);
    let readings =
        lane.sinks.query_text("SELECT DISTINCT reading || ' ' || state FROM processed_objects").await;
    assert_eq!(readings, ["1 processed"]);
    lane.tell(&[]).await;
}

/// A media file with `rows` different apps, about 120 bytes each.
fn big_file(rows: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(rows * 120);
    for number in 0..rows {
        body.extend_from_slice(if number == 0 { b"[" } else { b",\n" });
        write!(body, r#"{{"type":"app","data":{{"name":"App number {number}","genre":"Games","version":"1.0","rating":4.5,"size_bytes":83931136}}}}"#)
            .unwrap();
    }
    body.push(b']');
    body
}

/// The first invocation is killed after it has committed its first stretch. The next ones get deadlines that are too
/// short, so they report the message as failed, but keep the stretches that they stored.
#[tokio::test]
async fn a_file_too_large_for_one_invocation_is_finished_by_the_next_ones_and_stored_once() {
    let lane = start().await;
    lane.bucket.put("big.json", big_file(60_000)).await;
    // Kills the function after the commit of the first stretch, as Lambda does at its timeout.
    let killer: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>> = Arc::default();
    let strike = Arc::clone(&killer);
    let server = authority(&lane.parts.database_url);
    let proxy = Proxy::start(&server, &["COMMIT\0"], Moment::After, move || (strike.get().unwrap())()).await;
    let mut through = lane.parts.clone();
    through.database_url = lane.parts.database_url.replace(&server, &proxy.address);
    let mut doomed = Function::start("bucket-ingester", &through, &[]).await;
    assert!(killer.set(Box::new(doomed.killer())).is_ok());
    proxy.arm();
    let event = queue_event(&[notification(lane.bucket.name(), &["big.json"])]);
    assert_eq!(doomed.invoke(&event).await, Invoked::Died);
    assert!(state(&lane, "big.json").await.starts_with("unfinished"));
    // A deadline that is too short for the whole file.
    let mut hurried = Function::start("bucket-ingester", &lane.parts, &[]).await;
    hurried.limit(Duration::from_millis(2_450));
    let mut tries = 0_u16;
    while hurried.invoke(&event).await.answer() != json!({"batchItemFailures": []}) {
        tries += 1;
        assert!(tries < 50, "no try comes any further");
        // On a busy machine, a try may make no progress before its deadline.
        hurried.limit(Duration::from_millis(2_600 + 100 * u64::from(tries)));
    }
    assert_eq!(state(&lane, "big.json").await, "processed 60000 0 0");
    assert_eq!(lane.sinks.query_text("SELECT count(*)::text FROM apps").await, ["60000"]);
}

/// The function reads a file in chunks. A file of 60 MB may take at most 24 MiB more than one of 10 MB.
#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let lane = start().await;
    let mut peaks = Vec::new();
    for (key, rows) in [("small.json", 85_000), ("large.json", 510_000)] {
        lane.bucket.put(key, big_file(rows)).await;
        let mut function = Function::start("bucket-ingester", &lane.parts, &[]).await;
        let event = queue_event(&[notification(lane.bucket.name(), &[key])]);
        assert_eq!(function.invoke(&event).await.answer(), json!({"batchItemFailures": []}));
        peaks.push(function.most_memory() >> 20);
    }
    assert!(peaks[1] < peaks[0] + 24, "10 MB took {} MiB, 60 MB took {} MiB", peaks[0], peaks[1]);
}

/// A check constraint refuses two of 3,000 rows. One of them has the same key as a good row.
#[tokio::test]
async fn a_row_that_postgres_refuses_is_parked_alone_and_all_other_rows_are_stored() {
    let mut lane = start().await;
    lane.sinks
        .database()
        .batch_execute("ALTER TABLE apps ADD CONSTRAINT no_zero CHECK (rating <> 0)")
        .await
        .unwrap();
    let mut rows: Vec<Value> = (0..3_000).map(|number| app(&format!("n{number}"), 1, 1)).collect();
    rows[7] = app("n6", 1, 0);
    rows[2_999] = app("last", 1, 0);
    rows[1_500] = json!({"type": "app"});
    lane.bucket.put("a.json", file(&rows)).await;
    lane.bucket.put("b.json", file(&[app("other", 1, 1)])).await;
    lane.bucket.list(&["a.json", "b.json"]).await;
    let swept = command(&mut lane, json!({})).await;
    assert_eq!((&swept["RowsStored"], &swept["RecordsParked"]), (&json!(2_998), &json!(3)), "{swept}");
    assert_eq!(apps(&lane).await.len(), 2_998, "row 6 is stored, though the later row of its key is not");
    let parked = lane.parked().await;
    assert_eq!(parked.keys().collect::<Vec<_>>(), ["a.json#1500", "a.json#2999", "a.json#7"]);
    assert!(parked["a.json#7"].contains("no_zero"), "{parked:?}");
    assert_eq!(state(&lane, "a.json").await, "processed 2997 0 3");
}

#[tokio::test]
async fn an_invalid_line_of_the_list_is_parked_with_its_number_and_the_other_lines_are_read() {
    let mut lane = start().await;
    for key in ["a.json", "b.json"] {
        lane.bucket.put(key, file(&[app(key, 1, 1)])).await;
    }
    let long = "k".repeat(2_000);
    let list = [b"a.json\nbad\xff.json\n", long.as_bytes(), b"\nb.json\n\0\0\0\0\0\0"].concat();
    lane.bucket.put("files_list.data", list).await;
    let swept = command(&mut lane, json!({})).await;
    assert_eq!((&swept["RowsStored"], &swept["LinesUnreadable"]), (&json!(2), &json!(3)), "{swept}");
    let parked = lane.parked().await;
    let lines = ["files_list.data#1", "files_list.data#2", "files_list.data#4"];
    assert_eq!(parked.keys().collect::<Vec<_>>(), lines, "{parked:?}");
    assert!(parked[lines[0]].starts_with("line 2 is not a key: it is not valid UTF-8"), "{parked:?}");
    assert!(parked[lines[1]].starts_with("line 3 is not a key: it has 2000 bytes"), "{parked:?}");
    assert!(parked[lines[2]].starts_with("line 5 is not a key: it holds a NUL"), "{parked:?}");
    // A list in UTF-16 with a byte order mark is read. The parked lines of the older list are deleted.
    lane.bucket.put("c.json", file(&[app("c", 1, 1)])).await;
    let utf_16 = "\u{feff}a.json\r\nb.json\r\nc.json\r\n".encode_utf16().flat_map(u16::to_be_bytes);
    lane.bucket.put("files_list.data", utf_16.collect::<Vec<u8>>()).await;
    lane.tell(&["files_list.data"]).await;
    assert_eq!(apps(&lane).await.len(), 3);
    assert_eq!(lane.parked().await, BTreeMap::new());
}

/// The list cannot contain a key with a line break. Postgres cannot store a key with a NUL.
#[tokio::test]
async fn a_key_with_a_line_break_is_read_on_notification_and_a_key_with_a_nul_is_parked_alone() {
    let mut lane = start().await;
    let odd = "a\nb + c.json";
    lane.bucket.put(odd, file(&[app("odd", 1, 1)])).await;
    lane.bucket.put("plain.json", file(&[app("plain", 1, 1)])).await;
    lane.bucket.put("folder/", "").await;
    lane.tell(&["nul\0.json", odd, "folder/", "gone.json", "plain.json"]).await;
    assert_eq!(apps(&lane).await, ["odd 1 1", "plain 1 1"]);
    let parked = lane.parked().await;
    assert!(parked.len() == 1 && parked["nul\0.json"].contains("holds a NUL"), "{parked:?}");
}

/// The name of a file does not decide: `plain.json.gz` is not compressed. Lines of JSON and bytes after the last member
/// are errors.
#[tokio::test]
async fn gzip_with_several_members_is_read_and_gzip_is_recognised_by_its_bytes() {
    let mut lane = start().await;
    let zip = |bytes: &[u8]| {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        zipped.write_all(bytes).unwrap();
        zipped.finish().unwrap()
    };
    let whole = file(&[app("m1", 1, 1), app("m2", 1, 1)]);
    let marked = [b"\xef\xbb\xbf", file(&[app("marked", 1, 1)]).as_slice()].concat();
    let files: [(&str, Vec<u8>); 5] = [
        ("members.json.gz", [zip(&whole[..40]), zip(&whole[40..])].concat()),
        ("plain.json.gz", file(&[app("plain", 1, 1)])),
        ("trailing.json.gz", [zip(&file(&[app("trailing", 1, 1)])), b"garbage".to_vec()].concat()),
        ("marked.json", marked),
        ("lines.json", format!("{}\r\n{}\r\n", app("l1", 1, 1), app("l2", 1, 1)).into_bytes()),
    ];
    for (key, body) in &files {
        lane.bucket.put(key, body.clone()).await;
    }
    lane.tell(&files.iter().map(|(key, _)| *key).collect::<Vec<_>>()).await;
    assert_eq!(apps(&lane).await, ["m1 1 1", "m2 1 1", "marked 1 1", "plain 1 1", "trailing 1 1"]);
    let parked = lane.parked().await;
    assert_eq!(parked.keys().collect::<Vec<_>>(), ["lines.json", "trailing.json.gz"], "{parked:?}");
}
