//! The rows of one stretch of a file, and the statements that store them.
//!
//! Rows are sent to Postgres table by table and in the order of their keys. So two writers lock rows in the same order
//! and cannot deadlock. If two rows have the same key, the newer one stays. Within an object, this is the later element
//! of the later reading; between objects, it is the row of the object that was written later. So the tables do not
//! depend on the order in which files are read.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use warehouse::sql_types::{ToSql, Type};
use warehouse::{Client, WarehouseError};

use crate::rows::{App, Media, Movie, Song};

/// The object that rows come from, and the number of its reading.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The object's address.
    pub object: &'a str,
    /// When the object was written.
    pub modified: DateTime<Utc>,
    /// The number of the reading; it grows each time the object is read again from the start.
    pub reading: i64,
}

/// Rows by key, each with the index of its element. If several elements have the same key, the last one counts.
#[derive(Debug, Default)]
pub struct Chunk<'r> {
    songs: BTreeMap<(&'r str, &'r str), (i64, &'r Song)>,
    movies: BTreeMap<(&'r str, NaiveDate), (i64, &'r Movie)>,
    apps: BTreeMap<(&'r str, &'r str), (i64, &'r App)>,
}

const SONGS: &str = "INSERT INTO songs AS t (source_object, source_modified, source_reading, source_element, \
        artist_name, title, year, release) \
    SELECT $1, $2, $3, u.* FROM unnest($4::int8[], $5::text[], $6::text[], $7::int4[], $8::text[]) AS u \
    ON CONFLICT (artist_name, title) DO UPDATE SET year = EXCLUDED.year, release = EXCLUDED.release, \
        ingestion_time = now(), source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

const MOVIES: &str = "INSERT INTO movies AS t (source_object, source_modified, source_reading, source_element, \
        original_title, original_language, budget, is_adult, release_date, original_title_normalized) \
    SELECT $1, $2, $3, u.* \
    FROM unnest($4::int8[], $5::text[], $6::text[], $7::int8[], $8::bool[], $9::date[], $10::text[]) AS u \
    ON CONFLICT (original_title_normalized, release_date) DO UPDATE SET original_title = EXCLUDED.original_title, \
        original_language = EXCLUDED.original_language, budget = EXCLUDED.budget, is_adult = EXCLUDED.is_adult, \
        source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

const APPS: &str = "INSERT INTO apps AS t (source_object, source_modified, source_reading, source_element, \
        name, genre, version, rating, size_bytes, is_awesome) \
    SELECT $1, $2, $3, u.* \
    FROM unnest($4::int8[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::int8[], $10::bool[]) AS u \
    ON CONFLICT (name, version) DO UPDATE SET genre = EXCLUDED.genre, rating = EXCLUDED.rating, \
        size_bytes = EXCLUDED.size_bytes, is_awesome = EXCLUDED.is_awesome, \
        source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

/// The condition under which the new row is at least as new as the existing one.
const IF_NEWER: &str = " WHERE CASE WHEN t.source_object = EXCLUDED.source_object \
    THEN (t.source_reading, t.source_element) <= (EXCLUDED.source_reading, EXCLUDED.source_element) \
    ELSE (t.source_modified, t.source_object) < (EXCLUDED.source_modified, EXCLUDED.source_object) END";

impl<'r> Chunk<'r> {
    /// Adds the row of an element. Elements must be added in the order of the file.
    pub fn add(&mut self, element: i64, media: &'r Media) {
        match media {
            Media::Song(song) => {
                self.songs.insert((&song.artist_name, &song.title), (element, song));
            }
            Media::Movie(movie) => {
                let key = (movie.original_title_normalized.as_str(), movie.release_date);
                self.movies.insert(key, (element, movie));
            }
            Media::App(app) => {
                self.apps.insert((&app.name, &app.version), (element, app));
            }
            Media::Ignored => {}
        }
    }

    /// Stores the rows that are newer than the rows in the tables. `client` must have an open transaction. All
    /// statements are sent at the first poll, without waiting for each other.
    pub async fn store(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let (songs, movies, apps) = tokio::join!(
            biased;
            self.store_songs(client, origin),
            self.store_movies(client, origin),
            self.store_apps(client, origin),
        );
        // After one failed statement the others fail too. Only the first error tells the cause.
        songs.and(movies).and(apps)
    }

    async fn store_songs(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let elements = column(&self.songs, |(element, _)| *element);
        let artists = column(&self.songs, |(_, song)| song.artist_name.as_str());
        let titles = column(&self.songs, |(_, song)| song.title.as_str());
        let years = column(&self.songs, |(_, song)| song.year);
        let releases = column(&self.songs, |(_, song)| song.release.as_deref());
        let columns: [(&(dyn ToSql + Sync), Type); 5] = [
            (&elements, Type::INT8_ARRAY),
            (&artists, Type::TEXT_ARRAY),
            (&titles, Type::TEXT_ARRAY),
            (&years, Type::INT4_ARRAY),
            (&releases, Type::TEXT_ARRAY),
        ];
        upsert(client, "store songs", SONGS, origin, &columns, elements.len()).await
    }

    async fn store_movies(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let elements = column(&self.movies, |(element, _)| *element);
        let titles = column(&self.movies, |(_, movie)| movie.original_title.as_str());
        let languages = column(&self.movies, |(_, movie)| movie.original_language.as_deref());
        let budgets = column(&self.movies, |(_, movie)| movie.budget);
        let for_adults = column(&self.movies, |(_, movie)| movie.is_adult);
        let dates = column(&self.movies, |(_, movie)| movie.release_date);
        let normalized = column(&self.movies, |(_, movie)| movie.original_title_normalized.as_str());
        let columns: [(&(dyn ToSql + Sync), Type); 7] = [
            (&elements, Type::INT8_ARRAY),
            (&titles, Type::TEXT_ARRAY),
            (&languages, Type::TEXT_ARRAY),
            (&budgets, Type::INT8_ARRAY),
            (&for_adults, Type::BOOL_ARRAY),
            (&dates, Type::DATE_ARRAY),
            (&normalized, Type::TEXT_ARRAY),
        ];
        upsert(client, "store movies", MOVIES, origin, &columns, elements.len()).await
    }

    async fn store_apps(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let elements = column(&self.apps, |(element, _)| *element);
        let names = column(&self.apps, |(_, app)| app.name.as_str());
        let genres = column(&self.apps, |(_, app)| app.genre.as_deref());
        let versions = column(&self.apps, |(_, app)| app.version.as_str());
        let ratings = column(&self.apps, |(_, app)| app.rating);
        let sizes = column(&self.apps, |(_, app)| app.size_bytes);
        let awesome = column(&self.apps, |(_, app)| app.is_awesome);
        let columns: [(&(dyn ToSql + Sync), Type); 7] = [
            (&elements, Type::INT8_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&genres, Type::TEXT_ARRAY),
            (&versions, Type::TEXT_ARRAY),
            (&ratings, Type::FLOAT8_ARRAY),
            (&sizes, Type::INT8_ARRAY),
            (&awesome, Type::BOOL_ARRAY),
        ];
        upsert(client, "store apps", APPS, origin, &columns, elements.len()).await
    }
}

fn column<'r, K, R, T>(rows: &'r BTreeMap<K, R>, value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.values().map(value).collect()
}

async fn upsert(
    client: &Client,
    action: &'static str,
    sql: &str,
    origin: Origin<'_>,
    columns: &[(&(dyn ToSql + Sync), Type)],
    rows: usize,
) -> Result<(), WarehouseError> {
    if rows == 0 {
        return Ok(());
    }
    let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![
        (&origin.object, Type::TEXT),
        (&origin.modified, Type::TIMESTAMPTZ),
        (&origin.reading, Type::INT8),
    ];
    parameters.extend(columns.iter().cloned());
    let sql = format!("{sql}{IF_NEWER}");
    client.execute_typed(&sql, &parameters).await.map_err(WarehouseError::statement(action))?;
    Ok(())
}
