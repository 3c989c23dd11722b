//! Makes sample events of users and cards for the inbox, in random order.

use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use super::Object;

/// The probability that a card has no user.
const ORPHANS: f64 = 0.08;
/// Names of users, some with characters that need care: quotation marks and characters outside ASCII.
const NAMES: [&str; 4] = ["Dean White DDS", "Kelsey Alvarez", "Sinéad O'Connor", "山田 太郎"];
/// The time of the earliest event, in seconds since the Unix epoch: 2026-11-20 20:00:00 UTC.
const BEGIN: i64 = 1_795_204_800;
/// All events happen within this many seconds. With more events than seconds, many events have the same time, and the
/// tables must order them by other columns.
const LASTS: i64 = 3_600;

/// Makes the objects of one run: one event per user, `cards` card events, and with `dirty` also defective objects.
/// The same seed gives the same objects.
pub(crate) fn events(seed: u64, users: u32, cards: u32, dirty: bool) -> Vec<Object> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut objects: Vec<Object> = (0..users).map(|id| user(&mut rng, id)).collect();
    // On average, three events per card: it is created once and changed twice.
    let different = (cards / 3).max(1);
    // A card that was created without a user stays without one in its later events.
    let orphan: Vec<bool> = (0..different).map(|_| rng.random_bool(ORPHANS)).collect();
    for _ in 0..cards {
        let id = rng.random_range(0..different);
        // The range includes the id after the last user, because a card may name a user that does not exist.
        let user_id = (!orphan[id as usize]).then(|| rng.random_range(0..=users));
        objects.push(card(&mut rng, id, user_id));
    }
    if dirty {
        objects.extend(traps(&mut rng, &objects));
    }
    objects.shuffle(&mut rng);
    objects
}

/// An object with one event and a random event id, which is also part of the key. `event_at` is in seconds since
/// 1970.
fn event(rng: &mut impl Rng, kind: &str, event_at: i64, payload: &Value) -> Object {
    let id = uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string();
    let body =
        json!({"metadata": {"type": kind, "event_at": text(event_at), "event_id": id}, "payload": payload});
    Object { key: format!("inbox/{kind}s/{id}.json"), body: body.to_string().into_bytes() }
}

/// An event of a user, at a random time.
fn user(rng: &mut impl Rng, id: u32) -> Object {
    let at = BEGIN + rng.random_range(0..LASTS);
    let payload = json!({
        "id": id,
        "name": NAMES[rng.random_range(0..NAMES.len())],
        "address": format!("{} Paula Course Suite 097\nWalkerland, WY 96549", rng.random_range(1..20_000)),
        "job": "Technical sales engineer",
        "score": rng.random::<f64>(),
    });
    event(rng, "user", at, &payload)
}

/// A card event. The creation time depends on the card's id only; the time of the change is random.
fn card(rng: &mut impl Rng, id: u32, user_id: Option<u32>) -> Object {
    let created = BEGIN + i64::from(id) % 60;
    let updated = created + rng.random_range(0..LASTS);
    let mut payload = json!({
        "id": id,
        "created_by_name": "Kelsey Alvarez",
        "updated_at": text(updated),
        "created_at": text(created),
        "active": rng.random_bool(0.8),
    });
    if let Some(user_id) = user_id {
        payload["user_id"] = user_id.into();
    }
    event(rng, "card", updated, &payload)
}

/// Defective objects: a copy of the first event, a truncated event, a number that is not an event, and plain text.
fn traps(rng: &mut impl Rng, objects: &[Object]) -> Vec<Object> {
    let mut traps = vec![
        Object { key: "inbox/__id_counter".to_owned(), body: b"10423".to_vec() },
        Object { key: "inbox/cards/readme.txt".to_owned(), body: b"not an event".to_vec() },
    ];
    if let Some(first) = objects.first() {
        traps.push(Object { key: format!("{}.copy.json", first.key), body: first.body.clone() });
    }
    let mut partial = card(rng, 0, Some(0));
    partial.body.truncate(80);
    traps.push(partial);
    traps
}

/// A time as the source system writes it: `YYYY-MM-DD HH:MM:SS` in UTC, without fraction and zone.
fn text(second: i64) -> String {
    chrono::DateTime::from_timestamp(second, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_an_event_and_some_cards_have_no_user() {
        let objects = events(1, 100, 1_000, false);
        let of = |kind: &str| {
            objects.iter().filter(|object| object.key.starts_with(&format!("inbox/{kind}"))).count()
        };
        assert_eq!((of("users"), of("cards")), (100, 1_000));
        let orphans = objects
            .iter()
            .filter(|object| {
                let event: Value = serde_json::from_slice(&object.body).unwrap();
                event["metadata"]["type"] == "card" && event["payload"].get("user_id").is_none()
            })
            .count();
        assert!((20..200).contains(&orphans), "{orphans}");
        assert_eq!(events(1, 100, 1_000, false), objects);
    }
}
