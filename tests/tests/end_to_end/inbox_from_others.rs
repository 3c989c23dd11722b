//! Unusual inbox objects: events that only Postgres refuses, byte order marks, unusual keys, many large objects.

use std::collections::BTreeMap;

use end_to_end::ObjectLane;
use serde_json::{Value, json};

use super::inbox::{card, held, start, user};
use super::unholdable::long;

/// Writes 50 good events and 5 that only Postgres refuses, because of triggers and constraints of this test or limits
/// of its types. Returns all keys, and a part of the expected reason for each bad key.
async fn put_unholdable(lane: &ObjectLane) -> (Vec<String>, BTreeMap<String, &'static str>) {
    lane.sinks
        .database()
        .batch_execute(
            "ALTER TABLE cards ADD CONSTRAINT not_13 CHECK (user_id <> 13); \
             ALTER TABLE users ALTER COLUMN score TYPE numeric(5, 2); \
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN IF NEW.name = 'no' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await
        .unwrap();
    let mut keys = Vec::new();
    for number in 0..50 {
        keys.push(format!("inbox/cards/c{number:02}.json"));
        let event = card(number, 0, 0, &format!("c{number:02}"), Some(number + 100));
        lane.bucket.put(&keys[keys.len() - 1], event.to_string()).await;
    }
    let mut named = user(2, 0, "u2");
    named["payload"]["name"] = "no".into();
    let mut scored = user(3, 0, "u3");
    scored["payload"]["score"] = json!(123_456.0);
    let mut nul = user(4, 0, "u4");
    nul["payload"]["job"] = "a\0b".into();
    let bad = [
        ("inbox/cards/c10-long.json", card(200, 0, 0, &long(9_000), None), "index row"),
        ("inbox/cards/c20-check.json", card(201, 0, 0, "check", Some(13)), "not_13"),
        ("inbox/cards/c30-trigger.json", named, "not this one"),
        ("inbox/cards/c40-overflow.json", scored, "numeric field overflow"),
        ("inbox/cards/c45-nul.json", nul, "a text holds a NUL"),
    ];
    let mut reasons = BTreeMap::new();
    for (key, event, reason) in bad {
        lane.bucket.put(key, event.to_string()).await;
        keys.push(key.to_owned());
        reasons.insert(key.to_owned(), reason);
    }
    (keys, reasons)
}

/// Panics unless the 50 good events are stored and exactly these objects are parked with these reasons.
async fn expect_only_these_parked(lane: &ObjectLane, reasons: &BTreeMap<String, &str>) {
    assert_eq!(held(&lane.sinks).await.len(), 50);
    let parked = lane.parked().await;
    assert_eq!(parked.keys().collect::<Vec<_>>(), reasons.keys().collect::<Vec<_>>(), "{parked:?}");
    for (key, reason) in reasons {
        assert!(parked[key].contains(reason), "{key}: {}", parked[key]);
    }
    let unread = "SELECT count(*)::text FROM processed_objects WHERE state = 'parked'";
    assert_eq!(lane.sinks.query_text(unread).await, [reasons.len().to_string()]);
}

#[tokio::test]
async fn objects_that_postgres_refuses_are_parked_alone_on_notification() {
    let mut lane = start().await;
    let (keys, reasons) = put_unholdable(&lane).await;
    lane.tell(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    expect_only_these_parked(&lane, &reasons).await;
}

/// A parked object must not be read again by each sweep.
#[tokio::test]
async fn objects_that_postgres_refuses_are_parked_alone_by_a_sweep_and_do_not_stop_the_next_one() {
    let mut lane = start().await;
    let (_, reasons) = put_unholdable(&lane).await;
    let swept = lane.function.invoke(b"{}").await.answer();
    assert_eq!((&swept["RowsStored"], &swept["ObjectsParked"]), (&json!(50), &json!(5)), "{swept}");
    expect_only_these_parked(&lane, &reasons).await;
    lane.bucket.put("inbox/users/later.json", user(9, 0, "later").to_string()).await;
    let swept = lane.function.invoke(b"{}").await.answer();
    assert_eq!((&swept["objects"], &swept["RowsStored"]), (&json!(1), &json!(1)), "{swept}");
}

/// Within a batch, only the newest event of a card is stored. If Postgres refuses it, the older one must take its
/// place.
#[tokio::test]
async fn of_two_events_of_one_card_the_older_is_stored_if_postgres_refuses_the_newer() {
    let mut lane = start().await;
    let refuse = "ALTER TABLE cards ADD CONSTRAINT not_13 CHECK (user_id <> 13)";
    lane.sinks.database().batch_execute(refuse).await.unwrap();
    lane.bucket.put("inbox/a.json", card(1, 1, 1, "older", Some(1)).to_string()).await;
    lane.bucket.put("inbox/b.json", card(1, 2, 2, "newer", Some(13)).to_string()).await;
    lane.tell(&["inbox/a.json", "inbox/b.json"]).await;
    assert_eq!(held(&lane.sinks).await, [("card 1".to_owned(), "older".to_owned())].into());
    assert_eq!(lane.parked().await.into_keys().collect::<Vec<_>>(), ["inbox/b.json"]);
}

/// Empty objects whose keys end with a slash are folders: they are neither read nor parked.
#[tokio::test]
async fn an_event_after_a_byte_order_mark_is_read_and_objects_without_an_event_are_parked_with_the_reason() {
    let mut lane = start().await;
    let event = user(1, 0, "u1").to_string();
    let utf_16: Vec<u8> = format!("\u{feff}{event}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let objects: [(&str, Vec<u8>); 6] = [
        ("inbox/marked.json", format!("\u{feff}{event}").into_bytes()),
        ("inbox/crlf.json", format!("\r\n{}\r\n", user(2, 0, "u2")).into_bytes()),
        ("inbox/empty.json", Vec::new()),
        ("inbox/folder/", Vec::new()),
        ("inbox/lines.json", format!("{event}\n{event}\n").into_bytes()),
        ("inbox/utf16.json", utf_16),
    ];
    for (key, body) in &objects {
        lane.bucket.put(key, body.clone()).await;
    }
    let keys: Vec<&str> = objects.iter().map(|(key, _)| *key).collect();
    lane.tell(&keys).await;
    assert_eq!(held(&lane.sinks).await.len(), 2);
    let parked = lane.parked().await;
    let bad = ["inbox/empty.json", "inbox/lines.json", "inbox/utf16.json"];
    assert_eq!(parked.keys().collect::<Vec<_>>(), bad, "{parked:?}");
    let swept = lane.function.invoke(b"{}").await.answer();
    assert_eq!(swept["RowsStored"], Value::Null, "{swept}");
}

/// Notifications and listings encode keys in different ways. Both must give the key under which the object is
/// registered.
#[tokio::test]
async fn objects_with_unusual_keys_are_read_on_notification_and_by_a_sweep() {
    let mut lane = start().await;
    let keys = ["inbox/a\nb.json", "inbox/a b+c%20&ü.json", "inbox/tab\tx.json", "inbox/<&>'\".json"];
    for (number, key) in (0..).zip(keys) {
        lane.bucket.put(key, user(number, 0, &format!("u{number}")).to_string()).await;
    }
    lane.tell(&keys).await;
    assert_eq!(held(&lane.sinks).await.len(), 4);
    for (number, key) in (0..).zip(keys) {
        lane.bucket.put(key, user(number, 1, &format!("v{number}")).to_string()).await;
    }
    let swept = lane.function.invoke(b"{}").await.answer();
    assert_eq!(swept["RowsStored"], 4, "{swept}");
    let second = lane.function.invoke(b"{}").await.answer();
    assert_eq!(second["objects"], 0, "the keys are those that were registered: {second}");
}

/// Compares the peak memory for 40 objects of 900 KB with that for 240 objects. The sweep must not keep all of them in
/// memory.
#[tokio::test]
async fn a_sweep_of_many_large_objects_takes_no_more_memory_than_one_of_few() {
    let mut peaks = Vec::new();
    for count in [40, 240] {
        let mut lane = start().await;
        for number in 0..count {
            let mut event = user(number, 0, &format!("u{number}"));
            event["payload"]["address"] = "x".repeat(900 << 10).into();
            lane.bucket.put(&format!("inbox/{number}.json"), event.to_string()).await;
        }
        let swept = lane.function.invoke(b"{}").await.answer();
        assert_eq!(swept["RowsStored"], count, "{swept}");
        peaks.push(lane.function.most_memory() >> 20);
    }
    assert!(peaks[1] < peaks[0] + 32, "35 MB took {} MiB, 210 MB took {} MiB", peaks[0], peaks[1]);
}
