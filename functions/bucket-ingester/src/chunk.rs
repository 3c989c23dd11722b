//! The rows of one stretch of a file, and the statements that store them.
//!
//! Rows are sent to Postgres table by table and in the order of their keys. So two writers lock rows in the same order
//! and cannot deadlock. If two rows have the same key, the newer one stays. Within an object, this is the later element
//! of the later reading; between objects, it is the row of the object that was written later. So the tables do not
//! depend on the order in which files are read.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use warehouse::sql_types::Type;
use warehouse::{Client, Columns, WarehouseError};

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
    /// By artist and title.
    songs: BTreeMap<(&'r str, &'r str), (i64, &'r Song)>,
    /// By normalized title and release date.
    movies: BTreeMap<(&'r str, NaiveDate), (i64, &'r Movie)>,
    /// By name and version.
    apps: BTreeMap<(&'r str, &'r str), (i64, &'r App)>,
}

/// The upsert of songs. Its parameters are the origin ($1 to $3) and one array per column; [`IF_NEWER`]
/// follows.
const SONGS: &str = "INSERT INTO songs AS t (source_object, source_modified, source_reading, source_element, \
        artist_name, title, year, release) \
    SELECT $1, $2, $3, u.* FROM unnest($4::int8[], $5::text[], $6::text[], $7::int4[], $8::text[]) AS u \
    ON CONFLICT (artist_name, title) DO UPDATE SET year = EXCLUDED.year, release = EXCLUDED.release, \
        ingestion_time = now(), source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

/// The upsert of movies, with parameters like those of [`SONGS`].
const MOVIES: &str = "INSERT INTO movies AS t (source_object, source_modified, source_reading, source_element, \
        original_title, original_language, budget, is_adult, release_date, original_title_normalized) \
    SELECT $1, $2, $3, u.* \
    FROM unnest($4::int8[], $5::text[], $6::text[], $7::int8[], $8::bool[], $9::date[], $10::text[]) AS u \
    ON CONFLICT (original_title_normalized, release_date) DO UPDATE SET original_title = EXCLUDED.original_title, \
        original_language = EXCLUDED.original_language, budget = EXCLUDED.budget, is_adult = EXCLUDED.is_adult, \
        source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

/// The upsert of apps, with parameters like those of [`SONGS`].
const APPS: &str = "INSERT INTO apps AS t (source_object, source_modified, source_reading, source_element, \
        name, genre, version, rating, size_bytes, is_awesome) \
    SELECT $1, $2, $3, u.* \
    FROM unnest($4::int8[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::int8[], $10::bool[]) AS u \
    ON CONFLICT (name, version) DO UPDATE SET genre = EXCLUDED.genre, rating = EXCLUDED.rating, \
        size_bytes = EXCLUDED.size_bytes, is_awesome = EXCLUDED.is_awesome, \
        source_object = EXCLUDED.source_object, source_modified = EXCLUDED.source_modified, \
        source_reading = EXCLUDED.source_reading, source_element = EXCLUDED.source_element";

/// The condition under which the new row is at least as new as the existing one. `<=` within an object, so
/// that a repeated stretch writes the same rows again.
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

    /// Stores the rows that are newer than the rows in the tables. `client` must have an open transaction.
    /// All statements are sent at the first poll, without waiting for each other.
    ///
    /// # Errors
    /// [`WarehouseError`] of the first statement that failed. The caller must roll back.
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

    /// Upserts the songs, sorted by key.
    async fn store_songs(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let columns = of_origin(self.songs.values(), origin)
            .column(Type::INT8_ARRAY, |(element, _)| *element)
            .column(Type::TEXT_ARRAY, |(_, song)| song.artist_name.as_str())
            .column(Type::TEXT_ARRAY, |(_, song)| song.title.as_str())
            .column(Type::INT4_ARRAY, |(_, song)| song.year)
            .column(Type::TEXT_ARRAY, |(_, song)| song.release.as_deref());
        columns.execute(client, &format!("{SONGS}{IF_NEWER}"), "store songs").await.map(drop)
    }

    /// Upserts the movies, sorted by key.
    async fn store_movies(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let columns = of_origin(self.movies.values(), origin)
            .column(Type::INT8_ARRAY, |(element, _)| *element)
            .column(Type::TEXT_ARRAY, |(_, movie)| movie.original_title.as_str())
            .column(Type::TEXT_ARRAY, |(_, movie)| movie.original_language.as_deref())
            .column(Type::INT8_ARRAY, |(_, movie)| movie.budget)
            .column(Type::BOOL_ARRAY, |(_, movie)| movie.is_adult)
            .column(Type::DATE_ARRAY, |(_, movie)| movie.release_date)
            .column(Type::TEXT_ARRAY, |(_, movie)| movie.original_title_normalized.as_str());
        columns.execute(client, &format!("{MOVIES}{IF_NEWER}"), "store movies").await.map(drop)
    }

    /// Upserts the apps, sorted by key.
    async fn store_apps(&self, client: &Client, origin: Origin<'_>) -> Result<(), WarehouseError> {
        let columns = of_origin(self.apps.values(), origin)
            .column(Type::INT8_ARRAY, |(element, _)| *element)
            .column(Type::TEXT_ARRAY, |(_, app)| app.name.as_str())
            .column(Type::TEXT_ARRAY, |(_, app)| app.genre.as_deref())
            .column(Type::TEXT_ARRAY, |(_, app)| app.version.as_str())
            .column(Type::FLOAT8_ARRAY, |(_, app)| app.rating)
            .column(Type::INT8_ARRAY, |(_, app)| app.size_bytes)
            .column(Type::BOOL_ARRAY, |(_, app)| app.is_awesome);
        columns.execute(client, &format!("{APPS}{IF_NEWER}"), "store apps").await.map(drop)
    }
}

/// The parameters with which the statements of all tables begin.
fn of_origin<R: Copy>(rows: impl Iterator<Item = R>, origin: Origin<'_>) -> Columns<'_, R> {
    Columns::of(rows)
        .same(origin.object, Type::TEXT)
        .same(origin.modified, Type::TIMESTAMPTZ)
        .same(origin.reading, Type::INT8)
}
