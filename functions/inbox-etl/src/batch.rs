//! The events of many objects, and the statements that store them.
//!
//! For each id only the newest event stays, within the batch and in the table. Events have a total order, so the result
//! does not depend on the order of arrival, and an event that arrives twice changes nothing. Rows are sent to Postgres
//! table by table and in the order of their ids, so two writers cannot deadlock.

use std::collections::BTreeMap;

use warehouse::sql_types::Type;
use warehouse::{Client, Columns, WarehouseError};

use crate::event::{Card, InboxEvent, NO_USER, OrphanCard, User};

/// The newest event of each id, and the events of cards without a user.
#[derive(Debug, Default)]
pub struct InboxBatch<'r> {
    /// The newest event of each user, by the user's id.
    users: BTreeMap<i64, &'r User>,
    /// The newest event of each card, by the card's id.
    cards: BTreeMap<i64, &'r Card>,
    /// Cards without a user, each with the key of its object, by event id.
    orphans: BTreeMap<&'r str, (&'r OrphanCard, &'r str)>,
    /// The ids of card events that name a user. If they are in quarantine, they are removed from it.
    sound: Vec<&'r str>,
}

/// The upsert of users, with one array per column.
const USERS: &str = "INSERT INTO users AS t (id, name, address, job, score, event_at, event_id) \
    SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::timestamptz[], $7::text[]) \
    ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, address = EXCLUDED.address, job = EXCLUDED.job, \
        score = EXCLUDED.score, event_at = EXCLUDED.event_at, event_id = EXCLUDED.event_id \
    WHERE (t.event_at, t.event_id) <= (EXCLUDED.event_at, EXCLUDED.event_id)";

/// The upsert of cards, with one array per column.
const CARDS: &str = "INSERT INTO cards AS t \
        (id, user_id, created_by_name, updated_at, created_at, active, event_at, event_id) \
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[], \
        $7::timestamptz[], $8::text[]) \
    ON CONFLICT (id) DO UPDATE SET user_id = EXCLUDED.user_id, created_by_name = EXCLUDED.created_by_name, \
        updated_at = EXCLUDED.updated_at, created_at = EXCLUDED.created_at, active = EXCLUDED.active, \
        event_at = EXCLUDED.event_at, event_id = EXCLUDED.event_id \
    WHERE (t.event_at, t.updated_at, t.event_id) <= (EXCLUDED.event_at, EXCLUDED.updated_at, EXCLUDED.event_id)";

/// The upsert of cards without a user. $1 is the reason, $2 the bucket; the other parameters are arrays.
const QUARANTINE: &str = "INSERT INTO cards_quarantine (event_id, card_id, reason, event, event_at, bucket, key) \
    SELECT u.event_id, u.card_id, $1, u.event, u.event_at, $2, u.key \
    FROM unnest($3::text[], $4::int8[], $5::text[], $6::timestamptz[], $7::text[]) \
        AS u(event_id, card_id, event, event_at, key) \
    ON CONFLICT (event_id) DO UPDATE SET card_id = EXCLUDED.card_id, event = EXCLUDED.event, \
        event_at = EXCLUDED.event_at, bucket = EXCLUDED.bucket, key = EXCLUDED.key";

/// Deletes events from quarantine. The rows are locked in the order of their ids, so that two writers cannot
/// deadlock.
const OUT_OF_QUARANTINE: &str = "DELETE FROM cards_quarantine WHERE event_id IN \
    (SELECT event_id FROM cards_quarantine WHERE event_id = ANY($1) ORDER BY event_id FOR UPDATE)";

impl<'r> InboxBatch<'r> {
    /// Adds the event of the object with this key.
    pub fn add(&mut self, event: &'r InboxEvent, key: &'r str) {
        match event {
            InboxEvent::User(user) => {
                let order = |user: &'r User| (user.event_at, user.event_id.as_str());
                if self.users.get(&user.id).is_none_or(|other| order(other) <= order(user)) {
                    self.users.insert(user.id, user);
                }
            }
            InboxEvent::Card(card) => {
                self.sound.push(&card.event_id);
                let order = |card: &'r Card| (card.event_at, card.updated_at, card.event_id.as_str());
                if self.cards.get(&card.id).is_none_or(|other| order(other) <= order(card)) {
                    self.cards.insert(card.id, card);
                }
            }
            InboxEvent::Orphan(orphan) => {
                self.orphans.insert(&orphan.event_id, (orphan, key));
            }
        }
    }

    /// Stores the events that are newer than the rows in the tables. `client` must have an open transaction.
    /// All statements are sent at the first poll, without waiting for each other.
    ///
    /// # Errors
    /// [`WarehouseError`] of the first statement that failed. The caller must roll back.
    pub async fn store(&self, client: &Client, bucket: &str) -> Result<(), WarehouseError> {
        let (users, cards, mended, orphans) = tokio::join!(
            biased;
            self.store_users(client),
            self.store_cards(client),
            self.clear_quarantine(client),
            self.store_orphans(client, bucket),
        );
        // After one failed statement the others fail too. Only the first error tells the cause.
        users.and(cards).and(mended).and(orphans)
    }

    /// Upserts the users, sorted by id.
    async fn store_users(&self, client: &Client) -> Result<(), WarehouseError> {
        let columns = Columns::of(self.users.values().copied())
            .column(Type::INT8_ARRAY, |user| user.id)
            .column(Type::TEXT_ARRAY, |user| user.name.as_deref())
            .column(Type::TEXT_ARRAY, |user| user.address.as_deref())
            .column(Type::TEXT_ARRAY, |user| user.job.as_deref())
            .column(Type::FLOAT8_ARRAY, |user| user.score)
            .column(Type::TIMESTAMPTZ_ARRAY, |user| user.event_at)
            .column(Type::TEXT_ARRAY, |user| user.event_id.as_str());
        columns.execute(client, USERS, "store users").await.map(drop)
    }

    /// Upserts the cards, sorted by id.
    async fn store_cards(&self, client: &Client) -> Result<(), WarehouseError> {
        let columns = Columns::of(self.cards.values().copied())
            .column(Type::INT8_ARRAY, |card| card.id)
            .column(Type::INT8_ARRAY, |card| card.user_id)
            .column(Type::TEXT_ARRAY, |card| card.created_by_name.as_deref())
            .column(Type::TIMESTAMPTZ_ARRAY, |card| card.updated_at)
            .column(Type::TIMESTAMPTZ_ARRAY, |card| card.created_at)
            .column(Type::BOOL_ARRAY, |card| card.active)
            .column(Type::TIMESTAMPTZ_ARRAY, |card| card.event_at)
            .column(Type::TEXT_ARRAY, |card| card.event_id.as_str());
        columns.execute(client, CARDS, "store cards").await.map(drop)
    }

    /// Deletes the events from quarantine that arrived again and name a user now.
    async fn clear_quarantine(&self, client: &Client) -> Result<(), WarehouseError> {
        let columns = Columns::of(self.sound.iter().copied()).column(Type::TEXT_ARRAY, |event| event);
        columns.execute(client, OUT_OF_QUARANTINE, "clear the quarantine").await.map(drop)
    }

    /// Stores the cards without a user in `cards_quarantine`.
    async fn store_orphans(&self, client: &Client, bucket: &str) -> Result<(), WarehouseError> {
        let columns = Columns::of(self.orphans.values().copied())
            .same(NO_USER, Type::TEXT)
            .same(bucket, Type::TEXT)
            .column(Type::TEXT_ARRAY, |(orphan, _)| orphan.event_id.as_str())
            .column(Type::INT8_ARRAY, |(orphan, _)| orphan.id)
            .column(Type::TEXT_ARRAY, |(orphan, _)| orphan.event.as_str())
            .column(Type::TIMESTAMPTZ_ARRAY, |(orphan, _)| orphan.event_at)
            .column(Type::TEXT_ARRAY, |(_, key)| key);
        columns.execute(client, QUARANTINE, "keep the quarantine").await.map(drop)
    }
}
