//! inbox-etl: the tables contain the newest event of each id, in any order and with any repetition of the events.

use std::collections::BTreeMap;
use std::time::Duration;

use end_to_end::{Function, ObjectLane, Parts, Sinks, notification, queue_event};
use futures::future::join_all;
use inbox_etl::{EventDecoder, InboxBatch};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{DatabaseAuth, DatabaseSettings, Warehouse, WarehouseError};

/// A card event. `second` (its time) and `updated` (its payload's time) are seconds after 21:00, `event` is its id.
pub(super) fn card(id: i64, second: u32, updated: u32, event: &str, user_id: Option<i64>) -> Value {
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

/// A user event. `second` is its time in seconds after 21:24, `event` its id.
pub(super) fn user(id: i64, second: u32, event: &str) -> Value {
    json!({
        "metadata": {"type": "user", "event_at": format!("2026-11-20 21:24:{second:02}"), "event_id": event},
        "payload": {"id": id, "name": event, "address": "17710 Paula Course\nWY", "job": "engineer", "score": 0.5},
    })
}

/// How many events a test has.
#[derive(Clone)]
struct Size {
    cards: std::ops::RangeInclusive<usize>,
    users: std::ops::RangeInclusive<usize>,
    /// Number of different cards. There are half as many different users.
    ids: i64,
}

/// Random events with few ids and few times, so that many events concern the same row or have the same time. 8 % of the
/// cards have no user.
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

/// The card event with this number. `orphan` leaves out its user.
fn card_event(number: usize, id: i64, second: u32, updated: u32, orphan: bool) -> Value {
    card(id, second, updated, &format!("c{number}"), (!orphan).then_some(id % 7))
}

/// The expected content of the tables: for each `TYPE ID` the id of the last event. Events are ordered by their time,
/// then by the payload's time, then by their id. Cards without a user are left out.
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

/// The content of the tables, in the form of [`expected`]. Leaves out rows whose columns come from different events.
pub(super) async fn held(sinks: &Sinks) -> BTreeMap<String, String> {
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

#[test]
fn the_tables_do_not_depend_on_order_batches_or_repetition() {
    tables_equal_the_sorted_events(40, Size { cards: 0..=300, users: 0..=60, ids: 40 });
}

/// As above, with many more events and batches of up to 2,499 events.
#[test]
fn a_thousand_users_and_ten_thousand_cards_in_any_order_equal_the_sorted_events() {
    tables_equal_the_sorted_events(6, Size { cards: 10_000..=10_000, users: 1_000..=1_000, ids: 2_000 });
}

/// Stores random events, some of them repeated, in random order and in batches of random size. The tables must equal
/// [`expected`], and the quarantine must contain exactly the cards without a user.
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
                    let read = |event: &Value| decoder.decode(event.to_string().as_bytes()).unwrap().0;
                    let inbox: Vec<_> = some.iter().map(read).collect();
                    let mut batch = InboxBatch::default();
                    for event in &inbox {
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

pub(super) async fn start() -> ObjectLane {
    ObjectLane::start("inbox-etl").await
}

/// What [`ObjectLane::parked`] returns if one object is parked.
fn parked(key: &str, reason: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), reason.to_owned())].into()
}

/// Objects that are not events, are in another folder or were deleted are in the same notification.
#[tokio::test]
async fn a_truncated_object_is_parked_alone_and_read_when_the_complete_one_arrives() {
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

/// Cards need no row in `users`: their user may arrive later.
#[tokio::test]
async fn a_card_without_a_user_stays_in_quarantine_until_its_object_is_corrected() {
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

/// The objects have no notifications. `force` reads all of them again.
#[tokio::test]
async fn a_sweep_reads_objects_whose_notification_was_lost_and_reads_nothing_twice() {
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

/// Each environment gets every notification ten times, half of them in reverse order.
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
