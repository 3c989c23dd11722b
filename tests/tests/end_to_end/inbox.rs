//! Events of the inbox: the tables hold the newest event of each id, whatever the order and however often they come.

use std::collections::BTreeMap;
use std::time::Duration;

use end_to_end::{Function, ObjectLane, Parts, Sinks, notification, queue_event};
use futures::future::join_all;
use inbox_etl::{Batch, EventDecoder};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{DatabaseAuth, DatabaseSettings, Warehouse, WarehouseError};

fn card(id: i64, second: u32, updated: u32, event: &str, user_id: Option<i64>) -> Value {
    let time = |second: u32| format!("2026-11-20 21:{:02}:{:02}", second / 60, second % 60);
    let mut card = json!({
        "payload": {"id": id, "created_by_name": event, "updated_at": time(updated), "created_at": time(0), "active": true},
        "metadata": {"type": "card", "event_at": time(second), "event_id": event},
    });
    if let Some(user_id) = user_id {
        card["payload"]["user_id"] = user_id.into();
    }
    card
}

fn user(id: i64, second: u32, event: &str) -> Value {
    json!({
        "metadata": {"type": "user", "event_at": format!("2026-11-20 21:24:{second:02}"), "event_id": event},
        "payload": {"id": id, "name": event, "address": "17710 Paula Course\nWY", "job": "engineer", "score": 0.5},
    })
}

/// How many events there are: up to this many, or exactly.
#[derive(Clone)]
struct Size {
    cards: std::ops::RangeInclusive<usize>,
    users: std::ops::RangeInclusive<usize>,
    /// Different cards; there are half as many users.
    ids: i64,
}

/// Events of few ids and few seconds, so that many meet; 8 % of the cards name no user.
fn events(size: Size) -> impl Strategy<Value = Vec<Value>> {
    let cards = (0..size.ids, 0..6_u32, 0..3_u32, prop::bool::weighted(0.08));
    let users = (0..size.ids / 2, 0..5_u32);
    (prop::collection::vec(cards, size.cards), prop::collection::vec(users, size.users)).prop_map(
        |(cards, users)| {
            let cards = cards.into_iter().enumerate().map(|(number, (id, second, updated, orphan))| {
                card_event(number, id, second, updated, orphan)
            });
            let users = users
                .into_iter()
                .enumerate()
                .map(|(number, (id, second))| user(id, second, &format!("u{number}")));
            cards.chain(users).collect()
        },
    )
}

fn card_event(number: usize, id: i64, second: u32, updated: u32, orphan: bool) -> Value {
    card(id, second, updated, &format!("c{number}"), (!orphan).then_some(id % 7))
}

/// What the tables must hold: `id event` of the last event by the total order.
fn expected(events: &[Value]) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    for event in events {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (metadata, payload) = (&event["metadata"], &event["payload"]);
        let kind = text(&metadata["type"]);
        if kind == "card" && payload.get("user_id").is_none() {
            continue;
        }
        let order = (text(&metadata["event_at"]), text(&payload["updated_at"]), text(&metadata["event_id"]));
        let place = newest.entry(format!("{kind} {}", payload["id"])).or_default();
        *place = order.max(place.clone());
    }
    newest.into_iter().map(|(id, (_, _, event))| (id, event)).collect()
}

async fn held(sinks: &Sinks) -> BTreeMap<String, String> {
    let rows = sinks
        .query_text(
            "SELECT 'user ' || id || '|' || event_id FROM users WHERE name = event_id UNION ALL \
             SELECT 'card ' || id || '|' || event_id FROM cards WHERE created_by_name = event_id",
        )
        .await;
    rows.iter()
        .map(|row| row.split_once('|').unwrap())
        .map(|(id, event)| (id.to_owned(), event.to_owned()))
        .collect()
}

/// Any events, in any order, some twice, in any cuts: the tables equal those of the sorted events.
#[test]
fn the_tables_do_not_depend_on_order_cuts_or_repetition() {
    tables_equal_the_sorted_events(40, Size { cards: 0..=300, users: 0..=60, ids: 40 });
}

#[test]
fn a_thousand_users_and_ten_thousand_cards_in_any_order_equal_the_sorted_events() {
    tables_equal_the_sorted_events(6, Size { cards: 10_000..=10_000, users: 1_000..=1_000, ids: 2_000 });
}

fn tables_equal_the_sorted_events(seeds: u32, size: Size) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sinks, warehouse) = runtime.block_on(async {
        let parts = Parts::of_environment().with_own_database().await;
        let settings = DatabaseSettings::new(&parts.database_url, DatabaseAuth::Url).unwrap();
        (Sinks::open(&parts).await, Warehouse::new(settings))
    });
    let (again, cut) = (*size.cards.end() / 5, *size.cards.end() / 4);
    let cases = (events(size), prop::collection::vec(any::<prop::sample::Index>(), again), 1..cut);
    let shuffled = cases.prop_flat_map(|(events, again, cut)| {
        let repeated = if events.is_empty() {
            Vec::new()
        } else {
            again.iter().map(|index| index.get(&events).clone()).collect()
        };
        let all: Vec<Value> = events.into_iter().chain(repeated).collect();
        (Just(all).prop_shuffle(), Just(cut))
    });
    let decoder = EventDecoder::default();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: seeds,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&shuffled, |(events, cut)| {
            runtime.block_on(async {
                sinks.database().batch_execute("TRUNCATE users, cards, cards_quarantine").await.unwrap();
                for some in events.chunks(cut) {
                    let mut batch = Batch::default();
                    for event in some {
                        let (event, _) = decoder.decode(event.to_string().as_bytes()).unwrap();
                        batch.add(event, "key");
                    }
                    let stored =
                        warehouse.run("store", Instant::now() + Duration::from_mins(1), async |client| {
                            client.batch_execute("BEGIN").await.unwrap();
                            batch.store(client, "bucket").await?;
                            client.batch_execute("COMMIT").await.unwrap();
                            Ok::<_, WarehouseError>(())
                        });
                    stored.await.unwrap();
                }
                prop_assert_eq!(held(&sinks).await, expected(&events));
                let orphans = events.iter().filter(|event| {
                    event["metadata"]["type"] == "card" && event["payload"].get("user_id").is_none()
                });
                let orphans: std::collections::BTreeSet<_> =
                    orphans.map(|event| event["metadata"]["event_id"].as_str().unwrap().to_owned()).collect();
                let quarantined = sinks.query_text("SELECT event_id FROM cards_quarantine").await;
                prop_assert_eq!(quarantined.into_iter().collect::<std::collections::BTreeSet<_>>(), orphans);
                Ok(())
            })
        })
        .unwrap();
}

async fn start() -> ObjectLane {
    ObjectLane::start("inbox-etl").await
}

/// Where there is one parked object of this key, and why.
fn parked(key: &str, reason: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), reason.to_owned())].into()
}

#[tokio::test]
async fn a_partial_object_is_parked_blocks_nobody_and_heals_when_the_whole_one_comes() {
    let mut lane = start().await;
    let whole = card(1, 0, 0, "c1", Some(0)).to_string();
    lane.bucket.put("inbox/cards/c1.json", &whole.as_bytes()[..60]).await;
    lane.bucket.put("inbox/__id_counter", "10423").await;
    lane.bucket.put("inbox/users/u1.json", user(0, 0, "u1").to_string()).await;
    lane.bucket.put("elsewhere/u2.json", user(2, 0, "u2").to_string()).await;
    lane.tell(&[
        "inbox/cards/c1.json",
        "inbox/__id_counter",
        "inbox/users/u1.json",
        "elsewhere/u2.json",
        "inbox/gone.json",
    ])
    .await;
    assert_eq!(held(&lane.sinks).await, [("user 0".to_owned(), "u1".to_owned())].into());
    let parked = lane.parked().await;
    assert_eq!(parked["inbox/__id_counter"], "the record is a number, not an object");
    assert!(parked["inbox/cards/c1.json"].starts_with("not JSON"), "{parked:?}");
    lane.bucket.put("inbox/cards/c1.json", whole).await;
    lane.tell(&["inbox/cards/c1.json"]).await;
    assert_eq!(held(&lane.sinks).await.len(), 2);
    assert_eq!(lane.parked().await.len(), 1);
}

#[tokio::test]
async fn a_card_without_a_user_waits_in_quarantine_until_its_object_is_mended() {
    let mut lane = start().await;
    lane.bucket.put("inbox/cards/c1.json", card(1, 0, 0, "c1", None).to_string()).await;
    lane.bucket.put("inbox/cards/c2.json", card(2, 0, 0, "c2", Some(1_000)).to_string()).await;
    lane.tell(&["inbox/cards/c1.json", "inbox/cards/c2.json"]).await;
    assert_eq!(
        held(&lane.sinks).await,
        [("card 2".to_owned(), "c2".to_owned())].into(),
        "no foreign key refuses it"
    );
    let quarantine = "SELECT event_id || ' ' || card_id || ' ' || key FROM cards_quarantine";
    assert_eq!(lane.sinks.query_text(quarantine).await, ["c1 1 inbox/cards/c1.json"]);
    assert_eq!(
        lane.parked().await,
        parked("inbox/cards/c1.json", "the card names no user: `user_id` is missing or null")
    );
    lane.bucket.put("inbox/cards/c1.json", card(1, 0, 0, "c1", Some(7)).to_string()).await;
    lane.tell(&["inbox/cards/c1.json"]).await;
    assert_eq!(held(&lane.sinks).await.len(), 2);
    assert_eq!(lane.sinks.query_text(quarantine).await, Vec::<String>::new());
    assert_eq!(lane.parked().await, BTreeMap::new());
}

#[tokio::test]
async fn a_sweep_finds_what_no_notification_told_of_and_reads_nothing_twice() {
    let mut lane = start().await;
    for number in 0..30 {
        let event = card(number, 0, 0, &format!("c{number}"), Some(number));
        lane.bucket.put(&format!("inbox/cards/c{number}.json"), event.to_string()).await;
    }
    let swept = lane.function.invoke(br#"{"sweep":true}"#).await.answer();
    assert_eq!(
        (&swept["objects"], &swept["RowsStored"], &swept["ObjectsListed"]),
        (&json!(30), &json!(30), &json!(30))
    );
    let swept = lane.function.invoke(b"{}").await.answer();
    assert_eq!(swept, json!({"objects": 0, "ObjectsListed": 30}));
    let forced = lane.function.invoke(br#"{"force":true}"#).await.answer();
    assert_eq!(forced["RowsStored"], 30);
    assert_eq!(held(&lane.sinks).await.len(), 30);
}

#[tokio::test]
async fn one_batch_of_notifications_at_several_environments_at_once_is_stored_once() {
    let lane = start().await;
    let keys: Vec<String> = (0..200).map(|number| format!("inbox/cards/c{number}.json")).collect();
    for (number, key) in keys.iter().enumerate() {
        let id = i64::try_from(number).unwrap() % 20;
        let orphan = number % 13 == 0;
        lane.bucket
            .put(key, card(id, 1, 1, &format!("c{number:03}"), (!orphan).then_some(id)).to_string())
            .await;
    }
    let mut environments = Vec::new();
    for _ in 0..4 {
        environments.push(Function::start("inbox-etl", &lane.parts, &[]).await);
    }
    let event = |keys: Vec<&str>| queue_event(&vec![notification(lane.bucket.name(), &keys); 10]);
    let forward = event(keys.iter().map(String::as_str).collect());
    let backward = event(keys.iter().rev().map(String::as_str).collect());
    let invoked = environments
        .iter_mut()
        .enumerate()
        .map(|(number, environment)| environment.invoke(if number % 2 == 0 { &forward } else { &backward }));
    for answer in join_all(invoked).await {
        assert_eq!(answer.answer(), json!({"batchItemFailures": []}));
    }
    let cards = lane.sinks.query_text("SELECT id || ' ' || event_id FROM cards ORDER BY id").await;
    assert_eq!(cards.len(), 20);
    assert_eq!(cards[0], "0 c180");
    assert_eq!(lane.sinks.query_text("SELECT count(*)::text FROM cards_quarantine").await, ["16"]);
    assert_eq!(lane.parked().await.len(), 16);
}

/// Incompressible, so that no index entry can hold it.
fn long(length: u32) -> String {
    (0..length).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000).unwrap()).collect()
}

/// Fifty good events with others between them that only Postgres refuses: keys and reasons of those.
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
async fn objects_that_postgres_refuses_are_parked_alone_when_their_notifications_come() {
    let mut lane = start().await;
    let (keys, reasons) = put_unholdable(&lane).await;
    lane.tell(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    expect_only_these_parked(&lane, &reasons).await;
}

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

#[tokio::test]
async fn of_two_events_of_one_card_the_older_is_stored_where_postgres_refuses_the_newer() {
    let mut lane = start().await;
    let refuse = "ALTER TABLE cards ADD CONSTRAINT not_13 CHECK (user_id <> 13)";
    lane.sinks.database().batch_execute(refuse).await.unwrap();
    lane.bucket.put("inbox/a.json", card(1, 1, 1, "older", Some(1)).to_string()).await;
    lane.bucket.put("inbox/b.json", card(1, 2, 2, "newer", Some(13)).to_string()).await;
    lane.tell(&["inbox/a.json", "inbox/b.json"]).await;
    assert_eq!(held(&lane.sinks).await, [("card 1".to_owned(), "older".to_owned())].into());
    assert_eq!(lane.parked().await.into_keys().collect::<Vec<_>>(), ["inbox/b.json"]);
}

#[tokio::test]
async fn an_event_behind_a_byte_order_mark_is_read_and_what_is_no_event_is_parked_with_its_reason() {
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

#[tokio::test]
async fn odd_keys_arrive_by_notification_and_by_sweep() {
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
