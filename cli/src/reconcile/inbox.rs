//! Checks the inbox: reads every event again and finds its row.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use dead_letters::ParkedObject;
use futures::{StreamExt as _, stream};
use inbox_etl::{EventDecoder, InboxEvent};
use tokio::time::{Duration, Instant};
use tokio_postgres::Client;

use super::objects::{ObjectVerdict, Rows, books};
use crate::{progress::Meter, stack::opened::Stack, verbs::inbox::store};

/// How long reading all objects may take.
const PATIENCE: Duration = Duration::from_mins(30);
/// Number of concurrent reads.
const AT_A_TIME: usize = 16;
/// Largest object in bytes that is read. Must be the same as in inbox-etl, which parks longer ones.
const LONGEST: u64 = 1 << 20;

/// Order of the events of one id; the greatest wins: `event_at`, `updated_at` (cards only), `event_id`.
type Order = (DateTime<Utc>, Option<DateTime<Utc>>, String);
/// Table and id of a row.
type Key = (&'static str, i64);

/// Checks the lane. `None` if the stack has no inbox.
///
/// # Errors
/// The bucket, an object, the registry or a table cannot be read.
pub(crate) async fn judge(
    stack: &Stack,
    client: &Client,
    letters: &[ParkedObject],
) -> anyhow::Result<Option<ObjectVerdict>> {
    let Some(bucket) = &stack.outputs().inbox_bucket else { return Ok(None) };
    let deadline = Instant::now() + PATIENCE;
    let store = store(stack).await?;
    let there = store.list_below("inbox/", deadline).await?;
    let books = books(client, letters, "inbox-etl", bucket).await?;
    let mut verdict = ObjectVerdict::of("inbox-etl", bucket);
    let decoder = EventDecoder::default();
    let mut newest: BTreeMap<Key, Order> = BTreeMap::new();
    let mut good = 0;
    let total = there.len() as u64;
    let mut meter = Meter::new("inbox objects", total);
    let keys = there.iter().map(|object| object.path.as_str()).filter(|key| !key.ends_with('/'));
    let mut reads = stream::iter(keys)
        .map(async |key| (key, store.read(key, LONGEST, deadline).await))
        .buffer_unordered(AT_A_TIME);
    let mut done = 0;
    while let Some((key, read)) = reads.next().await {
        done += 1;
        meter.set(done, total);
        let Some((version, bytes)) = read.with_context(|| format!("cannot read {key}"))? else { continue };
        let event = bytes.and_then(|bytes| decoder.decode(&bytes).ok());
        let mut rows = Rows::default();
        let found = match event {
            Some((InboxEvent::User(user), _)) => {
                Some((("users", user.id), (user.event_at, None, user.event_id)))
            }
            Some((InboxEvent::Card(card), _)) => {
                Some((("cards", card.id), (card.event_at, Some(card.updated_at), card.event_id)))
            }
            Some((InboxEvent::Orphan(_), _)) | None => None,
        };
        if let Some((id, order)) = found.filter(|_| !books.is_refused(key, None)) {
            (rows.good, good) = (1, good + 1);
            if newest.get(&id).is_none_or(|other| *other < order) {
                newest.insert(id, order);
            }
        } else {
            (rows.damaged, rows.is_bad_row) = (true, true);
        }
        verdict.compare(key, &version.tag, &rows, &books);
    }
    drop(meter);
    let stored = stored(client).await?;
    for (key, order) in &newest {
        match stored.get(key) {
            // The stored event may be newer than all objects: a lifecycle rule has deleted its object.
            Some(of) if of >= order => verdict.stored += 1,
            Some(_) => verdict.problem(format!("{key:?}: an older event is stored than {}", order.2)),
            None => verdict.problem(format!("{key:?}: event {} is not stored", order.2)),
        }
    }
    verdict.superseded = good - newest.len() as u64;
    Ok(Some(verdict))
}

/// All rows of `users` and `cards`: by table and id, the event that they come from.
async fn stored(client: &Client) -> anyhow::Result<BTreeMap<Key, Order>> {
    let users =
        client.query("SELECT id, event_at, event_id FROM users", &[]).await.context("cannot read users")?;
    let cards = client
        .query("SELECT id, event_at, updated_at, event_id FROM cards", &[])
        .await
        .context("cannot read cards")?;
    let users = users.iter().map(|row| (("users", row.get(0)), (row.get(1), None, row.get(2))));
    let cards = cards.iter().map(|row| (("cards", row.get(0)), (row.get(1), Some(row.get(2)), row.get(3))));
    Ok(users.chain(cards).collect())
}
