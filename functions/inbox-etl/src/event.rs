//! Decodes an object of the inbox to an event.

use chrono::{DateTime, Utc};
use object_reader::without_byte_order_mark;
use pipeline::{Field, FieldType, Poison, RecordDecoder, Value};
use warehouse::values::{boolean, float, integer, text, time};

/// An event of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum InboxEvent {
    /// A user was created or changed.
    User(User),
    /// A card was created or changed.
    Card(Card),
    /// A card was created or changed, but names no user. It goes to quarantine.
    Orphan(OrphanCard),
}

/// A user, from one event. If there are several events, the latest by `(event_at, event_id)` counts.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// When the event happened.
    pub event_at: DateTime<Utc>,
    /// The event's id.
    pub event_id: String,
    /// The user's id.
    pub id: i64,
    /// The user's name.
    pub name: Option<String>,
    /// The user's postal address.
    pub address: Option<String>,
    /// The user's job.
    pub job: Option<String>,
    /// The user's score.
    pub score: Option<f64>,
}

/// A card, from one event. If there are several events, the latest by `(event_at, updated_at, event_id)` counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// When the event happened.
    pub event_at: DateTime<Utc>,
    /// When the card was changed.
    pub updated_at: DateTime<Utc>,
    /// The event's id.
    pub event_id: String,
    /// The card's id.
    pub id: i64,
    /// The id of the card's user. 0 is a valid id. The user does not have to exist.
    pub user_id: i64,
    /// The name of the card's creator.
    pub created_by_name: Option<String>,
    /// When the card was created.
    pub created_at: Option<DateTime<Utc>>,
    /// Whether the card is in use.
    pub active: Option<bool>,
}

/// A card without a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanCard {
    /// When the event happened.
    pub event_at: DateTime<Utc>,
    /// The event's id.
    pub event_id: String,
    /// The card's id.
    pub id: i64,
    /// The complete event, as it was received.
    pub event: String,
}

/// Why a card is in quarantine.
pub(crate) const NO_USER: &str = "the card names no user: `user_id` is missing or null";

/// Decodes events.
#[derive(Debug, Clone)]
pub struct EventDecoder {
    envelope: RecordDecoder,
    user: RecordDecoder,
    card: RecordDecoder,
}

impl Default for EventDecoder {
    fn default() -> Self {
        use FieldType::{Boolean, Float64, Int64, Json, String, Struct, Timestamp};
        let mut metadata = Field::new("metadata", Struct, false);
        metadata.fields = vec![
            Field::new("type", String, false),
            Field::new("event_at", Timestamp, false),
            Field::new("event_id", String, false),
        ];
        Self {
            envelope: RecordDecoder::envelope(&[metadata, Field::new("payload", Json, true)]),
            user: RecordDecoder::new(&[
                Field::new("id", Int64, false),
                Field::new("name", String, true),
                Field::new("address", String, true),
                Field::new("job", String, true),
                Field::new("score", Float64, true),
            ]),
            card: RecordDecoder::new(&[
                Field::new("id", Int64, false),
                Field::new("user_id", Int64, true),
                Field::new("created_by_name", String, true),
                Field::new("updated_at", Timestamp, false),
                Field::new("created_at", Timestamp, true),
                Field::new("active", Boolean, true),
            ]),
        }
    }
}

impl EventDecoder {
    /// Decodes an object's content. Also returns the number of fields in the payload that have no column.
    ///
    /// # Errors
    /// [`Poison`] if the object is not JSON, its type is unknown, or a field is missing or does not fit its column.
    pub fn decode(&self, object: &[u8]) -> Result<(InboxEvent, u32), Poison> {
        let object = without_byte_order_mark(object);
        let mut envelope = Vec::new();
        self.envelope.decode(object, &mut envelope)?;
        let [_, kind, event_at, event_id, payload] = envelope.as_mut_slice() else { return Err(shape()) };
        let event_at = time(event_at).ok_or_else(shape)?;
        let event_id = text(event_id)?.filter(|id| !id.is_empty());
        let event_id = event_id.ok_or_else(|| Poison("field `metadata.event_id` is empty".to_owned()))?;
        let kind = text(kind)?.unwrap_or_default();
        let Value::Text(payload) = payload else {
            return Err(Poison("field `payload` is missing or null".to_owned()));
        };
        let within = |poison: Poison| Poison(format!("`payload` of type {kind}: {poison}"));
        let mut row = Vec::new();
        match kind.as_str() {
            "user" => {
                let extra = self.user.decode(payload.as_bytes(), &mut row).map_err(within)?;
                let [id, name, address, job, score] = row.as_mut_slice() else { return Err(shape()) };
                let user = User {
                    event_at,
                    event_id,
                    id: integer(id).ok_or_else(shape)?,
                    name: text(name).map_err(within)?,
                    address: text(address).map_err(within)?,
                    job: text(job).map_err(within)?,
                    score: float(score),
                };
                Ok((InboxEvent::User(user), extra))
            }
            "card" => {
                let extra = self.card.decode(payload.as_bytes(), &mut row).map_err(within)?;
                let [id, user_id, created_by_name, updated_at, created_at, active] = row.as_mut_slice()
                else {
                    return Err(shape());
                };
                let id = integer(id).ok_or_else(shape)?;
                let created_by_name = text(created_by_name).map_err(within)?;
                let Some(user_id) = integer(user_id) else {
                    let event = String::from_utf8_lossy(object).into_owned();
                    return Ok((InboxEvent::Orphan(OrphanCard { event_at, event_id, id, event }), extra));
                };
                let card = Card {
                    event_at,
                    updated_at: time(updated_at).ok_or_else(shape)?,
                    event_id,
                    id,
                    user_id,
                    created_by_name,
                    created_at: time(created_at),
                    active: boolean(active),
                };
                Ok((InboxEvent::Card(card), extra))
            }
            other => Err(Poison(format!("`metadata.type` is {other:?}, but must be user or card"))),
        }
    }
}

/// The error for a row with another layout than its decoder's. This is a bug and does not happen.
fn shape() -> Poison {
    Poison("not decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"{"payload":{"id":55,"user_id":905,"created_by_name":"Kelsey Alvarez","updated_at":"2026-11-20 21:24:49","created_at":"2026-11-20 21:24:41","active":true},"metadata":{"type":"card","event_at":"2026-11-20 21:24:49","event_id":"005e31ab"}}"#;

    fn decode(object: &str) -> Result<InboxEvent, String> {
        EventDecoder::default()
            .decode(object.as_bytes())
            .map(|(event, _)| event)
            .map_err(|poison| poison.to_string())
    }

    #[test]
    fn the_events_of_the_contract_are_decoded() {
        let user = decode(
            r#"{"metadata":{"type":"user","event_at":"2026-11-20 21:24:22","event_id":"000246a7"},"payload":{"id":0,"name":"O'Neil","address":"17710 Paula Course\nWY","job":"engineer","score":1}}"#,
        );
        let Ok(InboxEvent::User(user)) = user else { panic!("{user:?}") };
        assert_eq!((user.id, user.name.as_deref(), user.score), (0, Some("O'Neil"), Some(1.0)));
        assert_eq!(user.event_at.to_rfc3339(), "2026-11-20T21:24:22+00:00");
        let Ok(InboxEvent::Card(card)) = decode(CARD) else { panic!("a card") };
        assert_eq!((card.id, card.user_id, card.active), (55, 905, Some(true)));
    }

    #[test]
    fn a_card_without_a_user_goes_to_quarantine_and_user_0_is_one() {
        for none in [CARD.replace(r#""user_id":905,"#, ""), CARD.replace("905", "null")] {
            let Ok(InboxEvent::Orphan(orphan)) = decode(&none) else { panic!("{none}") };
            assert_eq!((orphan.id, orphan.event_id.as_str(), orphan.event), (55, "005e31ab", none));
        }
        assert!(matches!(decode(&CARD.replace("905", "0")), Ok(InboxEvent::Card(Card { user_id: 0, .. }))));
    }

    #[test]
    fn a_byte_order_mark_before_an_event_changes_nothing() {
        let orphan = CARD.replace("905", "null");
        for event in [CARD, orphan.as_str()] {
            assert_eq!(decode(&format!("\u{feff}{event}")), decode(event));
        }
    }

    #[test]
    fn every_bad_object_is_poison_that_names_what_is_wrong() {
        for (object, reason) in [
            ("12345", "the record is a number, not an object"),
            ("", "not JSON: the value is empty"),
            (r#"{"payload":{}}"#, "field `metadata` is missing"),
            (
                &CARD.replace(r#""card""#, r#""deck""#),
                "`metadata.type` is \"deck\", but must be user or card",
            ),
            (
                &CARD.replace("55", "5.5"),
                "`payload` of type card: field `id` must be int64, but is a number with a fraction",
            ),
            (
                &CARD.replace("Kelsey", "\\u0000"),
                "`payload` of type card: a text holds a NUL, which Postgres cannot store",
            ),
            (
                &CARD.replace("2026-11-20 21:24:49\",\"created", "soon\",\"created"),
                "`payload` of type card: field `updated_at` must be timestamp, but is not one (`YYYY-MM-DD HH:MM:SS`, up to 6 digits of fraction)",
            ),
        ] {
            assert_eq!(decode(object), Err(reason.to_owned()), "{object}");
        }
        assert!(decode(&CARD[..80]).unwrap_err().starts_with("not JSON"));
    }
}
