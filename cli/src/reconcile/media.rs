//! Checks the media bucket: reads every row of every listed file again and finds it in its table.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use bucket_ingester::{FilesList, Media, RowDecoder};
use chrono::{DateTime, Utc};
use dead_letters::ParkedObject;
use object_reader::json_array::{Piece, Position};
use object_reader::{ObjectElements, ObjectSource};
use s3::ObjectVersion;
use tokio::time::{Duration, Instant};
use tokio_postgres::Client;

use super::objects::{Books, ObjectVerdict, Rows, books};
use crate::{
    progress::Meter,
    stack::opened::Stack,
    verbs::media::{LIST, store},
};

/// How long reading all files may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// Table and the two columns of a row's key.
type Key = (&'static str, String, String);
/// Order of the rows of one key; the greatest wins: time of the object, its address, index of the element.
type Order = (DateTime<Utc>, String, i64);

/// Checks the lane. `None` if the stack has no media bucket.
///
/// # Errors
/// The bucket, an object, the registry or a table cannot be read.
pub(crate) async fn judge(
    stack: &Stack,
    client: &Client,
    letters: &[ParkedObject],
) -> anyhow::Result<Option<ObjectVerdict>> {
    let Some(bucket) = &stack.outputs().media_bucket else { return Ok(None) };
    let deadline = Instant::now() + PATIENCE;
    let store = store(stack).await?;
    let listed = FilesList::read(&store.get(LIST, deadline).await?.unwrap_or_default()).keys;
    let there: BTreeMap<String, ObjectVersion> = store
        .list_below("", deadline)
        .await?
        .into_iter()
        .map(|object| (object.path, object.version))
        .collect();
    let books = books(client, letters, "bucket-ingester", bucket).await?;
    let mut verdict = ObjectVerdict::of("bucket-ingester", bucket);
    let source = ObjectSource::Bucket(store);
    let keys: BTreeSet<&String> =
        listed.iter().chain(books.entries.keys()).filter(|key| *key != LIST).collect();
    let mut newest: BTreeMap<Key, Order> = BTreeMap::new();
    let (mut meter, mut good) = (Meter::new("media files", keys.len() as u64), 0);
    for (done, key) in keys.iter().enumerate() {
        match there.get(*key) {
            Some(version) => {
                let rows = read(&source, key, version, (&books, &mut newest), deadline).await?;
                verdict.compare(key, &version.tag, &rows, &books);
                good += rows.good;
            }
            // The object was deleted after the function had read it. Its rows stay.
            None if books.entries.get(*key).is_some_and(|entry| !entry.version.is_empty()) => {}
            None => {
                let missing = Rows { damaged: true, ..Rows::default() };
                verdict.compare(key, "", &missing, &books);
            }
        }
        meter.set(done as u64 + 1, keys.len() as u64);
    }
    drop(meter);
    let stored = stored(client).await?;
    for (key, order) in &newest {
        match stored.get(key) {
            // The stored row may be newer: it comes from a version of the object that has been replaced since.
            Some(of) if (&of.0, &of.1) > (&order.0, &order.1) || of == order => verdict.stored += 1,
            Some(_) => verdict
                .problem(format!("{key:?}: an older row is stored than that of {}#{}", order.1, order.2)),
            None => verdict.problem(format!("{key:?}: the row of {}#{} is not stored", order.1, order.2)),
        }
    }
    verdict.superseded = good - newest.len() as u64;
    Ok(Some(verdict))
}

/// Reads one file and counts its rows. For each key, `newest` gets the row that wins over all files read so far.
async fn read(
    source: &ObjectSource,
    key: &str,
    version: &ObjectVersion,
    (books, newest): (&Books, &mut BTreeMap<Key, Order>),
    deadline: Instant,
) -> anyhow::Result<Rows> {
    let decoder = RowDecoder::default();
    let address = source.address(key);
    let unreadable = || format!("cannot read {address}");
    let opened = ObjectElements::open(source, key, version, Position::default(), u64::MAX, deadline);
    let mut elements = opened.await.with_context(unreadable)?;
    let mut rows = Rows::default();
    loop {
        match elements.next_piece() {
            Ok(Some(Piece::TooLong { index, .. })) => rows.parked.push(index),
            Ok(Some(Piece::Element(element))) if books.is_refused(key, Some(element.index)) => {
                rows.parked.push(element.index);
            }
            Ok(Some(Piece::Element(element))) => match decoder.decode(element.bytes) {
                Ok((media, _)) => match key_of(media) {
                    Some(key) => {
                        rows.good += 1;
                        let index = i64::try_from(element.index).unwrap_or(i64::MAX);
                        let order = (version.modified, address.clone(), index);
                        if newest.get(&key).is_none_or(|other| *other < order) {
                            newest.insert(key, order);
                        }
                    }
                    None => rows.ignored += 1,
                },
                Err(_) => rows.parked.push(element.index),
            },
            Ok(None) => {
                if let Some(end) = elements.feed().await.with_context(unreadable)? {
                    rows.damaged = end.is_err();
                    return Ok(rows);
                }
            }
            Err(_) => {
                rows.damaged = true;
                return Ok(rows);
            }
        }
    }
}

/// Table and key of a row. `None` for rows of types that are not stored.
fn key_of(media: Media) -> Option<Key> {
    match media {
        Media::Song(song) => Some(("songs", song.artist_name, song.title)),
        Media::Movie(movie) => {
            Some(("movies", movie.original_title_normalized, movie.release_date.to_string()))
        }
        Media::App(app) => Some(("apps", app.name, app.version)),
        Media::Ignored => None,
    }
}

/// All rows of the three tables: by key, the object version and element that they come from.
async fn stored(client: &Client) -> anyhow::Result<BTreeMap<Key, Order>> {
    let mut stored = BTreeMap::new();
    for (table, key) in [
        ("songs", "artist_name, title"),
        ("movies", "original_title_normalized, release_date::text"),
        ("apps", "name, version"),
    ] {
        let sql = format!("SELECT {key}, source_modified, source_object, source_element FROM {table}");
        let rows = client.query(&sql, &[]).await.with_context(|| format!("cannot read table {table}"))?;
        stored.extend(
            rows.iter().map(|row| ((table, row.get(0), row.get(1)), (row.get(2), row.get(3), row.get(4)))),
        );
    }
    Ok(stored)
}
