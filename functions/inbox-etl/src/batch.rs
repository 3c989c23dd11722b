//! The events of many objects, and the statements that store them.
//!
//! For each id only the newest event stays, within the batch and in the table. Events have a total order, so the result
//! does not depend on the order of arrival, and an event that arrives twice changes nothing. Rows are sent to Postgres
//! table by table and in the order of their ids, so two writers cannot deadlock.

use std::collections::BTreeMap;

use warehouse::sql_types::{ToSql, Type};
use warehouse::{Client, WarehouseError};

use crate::event::{Card, InboxEvent, NO_USER, OrphanCard, User};

/// The newest event of each id, and the events of cards without a user.
#[derive(Debug, Default)]
pub struct Batch<'r> {
    users: BTreeMap<i64, &'r User>,
    cards: BTreeMap<i64, &'r Card>,
    /// Cards without a user, each with the key of its object, by event id.
    orphans: BTreeMap<&'r str, (&'r OrphanCard, &'r str)>,
    /// The ids of card events that name a user. If they are in quarantine, they are removed from it.
    sound: Vec<&'r str>,
}

const USERS: &str = "INSERT INTO users AS t (id, name, address, job, score, event_at, event_id) \
    SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::timestamptz[], $7::text[]) \
    ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, address = EXCLUDED.address, job = EXCLUDED.job, \
        score = EXCLUDED.score, event_at = EXCLUDED.event_at, event_id = EXCLUDED.event_id \
    WHERE (t.event_at, t.event_id) <= (EXCLUDED.event_at, EXCLUDED.event_id)";

const CARDS: &str = "INSERT INTO cards AS t \
        (id, user_id, created_by_name, updated_at, created_at, active, event_at, event_id) \
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[], \
        $7::timestamptz[], $8::text[]) \
    ON CONFLICT (id) DO UPDATE SET user_id = EXCLUDED.user_id, created_by_name = EXCLUDED.created_by_name, \
        updated_at = EXCLUDED.updated_at, created_at = EXCLUDED.created_at, active = EXCLUDED.active, \
        event_at = EXCLUDED.event_at, event_id = EXCLUDED.event_id \
    WHERE (t.event_at, t.updated_at, t.event_id) <= (EXCLUDED.event_at, EXCLUDED.updated_at, EXCLUDED.event_id)";

const QUARANTINE: &str = "INSERT INTO cards_quarantine (event_id, card_id, reason, event, event_at, bucket, key) \
    SELECT u.event_id, u.card_id, $1, u.event, u.event_at, $2, u.key \
    FROM unnest($3::text[], $4::int8[], $5::text[], $6::timestamptz[], $7::text[]) \
        AS u(event_id, card_id, event, event_at, key) \
    ON CONFLICT (event_id) DO UPDATE SET card_id = EXCLUDED.card_id, event = EXCLUDED.event, \
        event_at = EXCLUDED.event_at, bucket = EXCLUDED.bucket, key = EXCLUDED.key";

const OUT_OF_QUARANTINE: &str = "DELETE FROM cards_quarantine WHERE event_id IN \
    (SELECT event_id FROM cards_quarantine WHERE event_id = ANY($1) ORDER BY event_id FOR UPDATE)";

impl<'r> Batch<'r> {
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

    /// Stores the events that are newer than the rows in the tables. `client` must have an open transaction. All
    /// statements are sent at the first poll, without waiting for each other.
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

    async fn store_users(&self, client: &Client) -> Result<(), WarehouseError> {
        if self.users.is_empty() {
            return Ok(());
        }
        let users = self.users.values();
        let ids: Vec<i64> = users.clone().map(|user| user.id).collect();
        let names: Vec<_> = users.clone().map(|user| user.name.as_deref()).collect();
        let addresses: Vec<_> = users.clone().map(|user| user.address.as_deref()).collect();
        let jobs: Vec<_> = users.clone().map(|user| user.job.as_deref()).collect();
        let scores: Vec<_> = users.clone().map(|user| user.score).collect();
        let times: Vec<_> = users.clone().map(|user| user.event_at).collect();
        let events: Vec<_> = users.map(|user| user.event_id.as_str()).collect();
        let columns: [(&(dyn ToSql + Sync), Type); 7] = [
            (&ids, Type::INT8_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&addresses, Type::TEXT_ARRAY),
            (&jobs, Type::TEXT_ARRAY),
            (&scores, Type::FLOAT8_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&events, Type::TEXT_ARRAY),
        ];
        client.execute_typed(USERS, &columns).await.map_err(WarehouseError::statement("store users"))?;
        Ok(())
    }

    async fn store_cards(&self, client: &Client) -> Result<(), WarehouseError> {
        if self.cards.is_empty() {
            return Ok(());
        }
        let cards = self.cards.values();
        let ids: Vec<i64> = cards.clone().map(|card| card.id).collect();
        let users: Vec<i64> = cards.clone().map(|card| card.user_id).collect();
        let creators: Vec<_> = cards.clone().map(|card| card.created_by_name.as_deref()).collect();
        let updated: Vec<_> = cards.clone().map(|card| card.updated_at).collect();
        let created: Vec<_> = cards.clone().map(|card| card.created_at).collect();
        let active: Vec<_> = cards.clone().map(|card| card.active).collect();
        let times: Vec<_> = cards.clone().map(|card| card.event_at).collect();
        let events: Vec<_> = cards.map(|card| card.event_id.as_str()).collect();
        let columns: [(&(dyn ToSql + Sync), Type); 8] = [
            (&ids, Type::INT8_ARRAY),
            (&users, Type::INT8_ARRAY),
            (&creators, Type::TEXT_ARRAY),
            (&updated, Type::TIMESTAMPTZ_ARRAY),
            (&created, Type::TIMESTAMPTZ_ARRAY),
            (&active, Type::BOOL_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&events, Type::TEXT_ARRAY),
        ];
        client.execute_typed(CARDS, &columns).await.map_err(WarehouseError::statement("store cards"))?;
        Ok(())
    }

    async fn clear_quarantine(&self, client: &Client) -> Result<(), WarehouseError> {
        if self.sound.is_empty() {
            return Ok(());
        }
        let deleted = client.execute_typed(OUT_OF_QUARANTINE, &[(&self.sound, Type::TEXT_ARRAY)]).await;
        deleted.map(drop).map_err(WarehouseError::statement("clear the quarantine"))
    }

    async fn store_orphans(&self, client: &Client, bucket: &str) -> Result<(), WarehouseError> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let orphans = self.orphans.values();
        let events: Vec<_> = orphans.clone().map(|(orphan, _)| orphan.event_id.as_str()).collect();
        let ids: Vec<i64> = orphans.clone().map(|(orphan, _)| orphan.id).collect();
        let bodies: Vec<_> = orphans.clone().map(|(orphan, _)| orphan.event.as_str()).collect();
        let times: Vec<_> = orphans.clone().map(|(orphan, _)| orphan.event_at).collect();
        let keys: Vec<&str> = orphans.map(|(_, key)| *key).collect();
        let columns: [(&(dyn ToSql + Sync), Type); 7] = [
            (&NO_USER, Type::TEXT),
            (&bucket, Type::TEXT),
            (&events, Type::TEXT_ARRAY),
            (&ids, Type::INT8_ARRAY),
            (&bodies, Type::TEXT_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&keys, Type::TEXT_ARRAY),
        ];
        client
            .execute_typed(QUARANTINE, &columns)
            .await
            .map_err(WarehouseError::statement("keep the quarantine"))?;
        Ok(())
    }
}
