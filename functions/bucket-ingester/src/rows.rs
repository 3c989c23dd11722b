//! Decodes an element of a media file to a row.

use chrono::NaiveDate;
use pipeline::{Field, FieldType, Poison, RecordDecoder, Value};
use warehouse::values::{boolean, date, float, integer, text};

/// The longest key in bytes. It is a little less than the largest entry of a Postgres B-tree index (about 2,700 bytes).
const LONGEST_KEY: usize = 2_500;

/// The lowest rating, in stars, of an awesome app.
const AWESOME: f64 = 4.5;

/// A row of one of the three tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Media {
    /// `"type": "song"`.
    Song(Song),
    /// `"type": "movie"`.
    Movie(Movie),
    /// `"type": "app"`.
    App(App),
    /// Any other type; it is not stored.
    Ignored,
}

/// A song. Its key is artist and title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Song {
    /// The artist.
    pub artist_name: String,
    /// The title.
    pub title: String,
    /// The year. Sources use both 0 and null for an unknown year; the two are stored as they are.
    pub year: Option<i32>,
    /// The album.
    pub release: Option<String>,
}

/// A movie. Its key is the normalized title and the release date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// The title as it is in the file.
    pub original_title: String,
    /// The language's code, such as `en`.
    pub original_language: Option<String>,
    /// The budget in dollars.
    pub budget: Option<i64>,
    /// Whether it is for adults only.
    pub is_adult: Option<bool>,
    /// The day of the release.
    pub release_date: NaiveDate,
    /// The title after [`normalized`].
    pub original_title_normalized: String,
}

/// An app. Its key is name and version.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The name.
    pub name: String,
    /// The genre.
    pub genre: Option<String>,
    /// The version.
    pub version: String,
    /// The rating in stars.
    pub rating: Option<f64>,
    /// The size in bytes. Real sizes exceed 32 bits.
    pub size_bytes: Option<i64>,
    /// Whether the rating is at least 4.5; `None` without a rating.
    pub is_awesome: Option<bool>,
}

/// Builds a row from the decoded fields of `data`.
type Build = fn(&mut [Value<'_>]) -> Result<Media, Poison>;

/// Decodes elements of media files.
#[derive(Debug, Clone)]
pub struct RowDecoder {
    envelope: RecordDecoder,
    song: RecordDecoder,
    movie: RecordDecoder,
    app: RecordDecoder,
}

impl Default for RowDecoder {
    fn default() -> Self {
        use FieldType::{Boolean, Date, Float64, Int32, Int64, Json, String};
        let decoder = |fields: &[(&str, FieldType, bool)]| {
            let field = |&(name, field_type, nullable): &_| Field::new(name, field_type, nullable);
            RecordDecoder::new(&fields.iter().map(field).collect::<Vec<_>>())
        };
        let envelope = [Field::new("type", String, false), Field::new("data", Json, true)];
        Self {
            envelope: RecordDecoder::envelope(&envelope),
            song: decoder(&[
                ("artist_name", String, false),
                ("title", String, false),
                ("year", Int32, true),
                ("release", String, true),
            ]),
            movie: decoder(&[
                ("original_title", String, true),
                ("original_title:", String, true),
                ("original_language", String, true),
                ("budget", Int64, true),
                ("is_adult", Boolean, true),
                ("release_date", Date, false),
            ]),
            app: decoder(&[
                ("name", String, false),
                ("genre", String, true),
                ("version", String, false),
                ("rating", Float64, true),
                ("size_bytes", Int64, true),
            ]),
        }
    }
}

impl RowDecoder {
    /// Decodes one element. Also returns the number of fields in `data` that have no column.
    ///
    /// # Errors
    /// [`Poison`] if the element is not JSON, a required field is missing, or a value does not fit its column.
    pub fn decode(&self, element: &[u8]) -> Result<(Media, u32), Poison> {
        let mut envelope = Vec::new();
        self.envelope.decode(element, &mut envelope)?;
        let [Value::Text(kind), data] = envelope.as_slice() else { return Ok((Media::Ignored, 0)) };
        let (decoder, build): (_, Build) = match kind.as_ref() {
            "song" => (&self.song, song),
            "movie" => (&self.movie, movie),
            "app" => (&self.app, app),
            _ => return Ok((Media::Ignored, 0)),
        };
        let Value::Text(data) = data else {
            return Err(Poison("field `data` is missing or null".to_owned()));
        };
        let within = |poison: Poison| Poison(format!("`data` of type {kind}: {poison}"));
        let mut row = Vec::new();
        let extra = decoder.decode(data.as_bytes(), &mut row).map_err(within)?;
        Ok((build(&mut row).map_err(within)?, extra))
    }
}

fn song(row: &mut [Value<'_>]) -> Result<Media, Poison> {
    let [artist_name, title, year, release] = row else { return Err(shape()) };
    let song = Song {
        artist_name: needed(artist_name)?,
        title: needed(title)?,
        year: integer(year).and_then(|year| year.try_into().ok()),
        release: text(release)?,
    };
    holdable_key(&[&song.artist_name, &song.title])?;
    Ok(Media::Song(song))
}

fn movie(row: &mut [Value<'_>]) -> Result<Media, Poison> {
    let [title, title_with_colon, language, budget, is_adult, release_date] = row else {
        return Err(shape());
    };
    let title = text(title)?.or(text(title_with_colon)?);
    let original_title =
        title.ok_or_else(|| Poison("field `original_title` is missing or null".to_owned()))?;
    let original_title_normalized = normalized(&original_title);
    holdable_key(&[&original_title_normalized])?;
    Ok(Media::Movie(Movie {
        original_title,
        original_language: text(language)?,
        budget: integer(budget),
        is_adult: boolean(is_adult),
        release_date: date(release_date).ok_or_else(shape)?,
        original_title_normalized,
    }))
}

fn app(row: &mut [Value<'_>]) -> Result<Media, Poison> {
    let [name, genre, version, rating, size_bytes] = row else { return Err(shape()) };
    let rating = float(rating);
    let app = App {
        name: needed(name)?,
        genre: text(genre)?,
        version: needed(version)?,
        rating,
        size_bytes: integer(size_bytes),
        is_awesome: rating.map(|rating| rating >= AWESOME),
    };
    holdable_key(&[&app.name, &app.version])?;
    Ok(Media::App(app))
}

/// The error for a row with another layout than its decoder's. This is a bug and does not happen.
fn shape() -> Poison {
    Poison("not decoded".to_owned())
}

fn needed(value: &mut Value<'_>) -> Result<String, Poison> {
    text(value)?.ok_or_else(shape)
}

fn holdable_key(parts: &[&str]) -> Result<(), Poison> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length <= LONGEST_KEY {
        return Ok(());
    }
    Err(Poison(format!("the key has {length} bytes, but a Postgres index holds at most {LONGEST_KEY}")))
}

/// Normalizes a title: converts it to lower case, replaces each run of white space by one `_`, and removes all other
/// characters except letters and numbers. Letters of all scripts are kept.
#[must_use]
pub fn normalized(title: &str) -> String {
    let mut normalized = String::with_capacity(title.len());
    for letter in title.chars() {
        if letter.is_alphanumeric() {
            normalized.extend(letter.to_lowercase());
        } else if letter.is_whitespace() && !normalized.ends_with('_') {
            normalized.push('_');
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(element: &str) -> Result<Media, String> {
        let decoded = RowDecoder::default().decode(element.as_bytes());
        decoded.map(|(media, _)| media).map_err(|poison| poison.to_string())
    }

    #[test]
    fn the_rows_of_the_contract_are_decoded() {
        let song = decode(
            r#"{"type":"song","data":{"artist_name":"Massive Attack","title":"Karmacoma","year":1994,"release":"Protection"}}"#,
        );
        let Ok(Media::Song(song)) = song else { panic!("{song:?}") };
        assert_eq!(
            (song.title.as_str(), song.year, song.release.as_deref()),
            ("Karmacoma", Some(1994), Some("Protection"))
        );
        let movie = decode(
            r#"{"type":"movie","data":{"original_title:":"Toy Story","original_language":"en","budget":30000000,"is_adult":false,"release_date":"1995-10-30"}}"#,
        );
        let Ok(Media::Movie(movie)) = movie else { panic!("{movie:?}") };
        assert_eq!(
            (movie.original_title_normalized.as_str(), movie.release_date.to_string().as_str()),
            ("toy_story", "1995-10-30")
        );
        let app = decode(
            r#"{"type":"app","data":{"name":"Geometry Dash","genre":"Games","version":"2.10","rating":5,"size_bytes":4025969664}}"#,
        );
        let Ok(Media::App(app)) = app else { panic!("{app:?}") };
        assert_eq!(
            (app.rating, app.size_bytes, app.is_awesome),
            (Some(5.0), Some(4_025_969_664), Some(true))
        );
    }

    #[test]
    fn what_is_not_known_is_null_and_what_is_no_part_of_a_key_may_be_missing() {
        let Ok(Media::Song(song)) =
            decode(r#"{"type":"song","data":{"artist_name":"A","title":"","year":null,"x":1}}"#)
        else {
            panic!("a song")
        };
        assert_eq!((song.year, song.release), (None, None));
        let Ok(Media::App(app)) = decode(r#"{"type":"app","data":{"name":"A","version":"1"}}"#) else {
            panic!("an app")
        };
        assert_eq!((app.rating, app.is_awesome), (None, None));
        assert_eq!(decode(r#"{"type":"book","data":{"year":"?"}}"#), Ok(Media::Ignored));
        assert_eq!(decode(r#"{"type":"book"}"#), Ok(Media::Ignored));
    }

    #[test]
    fn every_bad_row_is_poison_that_names_what_is_wrong() {
        for (element, reason) in [
            (r#"{"type":"song"}"#, "field `data` is missing or null"),
            (r#"{"data":{}}"#, "field `type` is missing"),
            (r#"{"type":7,"data":{}}"#, "field `type` must be string, but is a number"),
            ("7", "the record is a number, not an object"),
            ("", "not JSON: the value is empty"),
            (r#"{"type":"song","data":[1]}"#, "`data` of type song: the record is a list, not an object"),
            (
                r#"{"type":"song","data":{"artist_name":"A"}}"#,
                "`data` of type song: field `title` is missing",
            ),
            (
                r#"{"type":"song","data":{"artist_name":"A","title":"T","year":"1994"}}"#,
                "`data` of type song: field `year` must be int32, but is a string",
            ),
            (
                r#"{"type":"song","data":{"artist_name":"A","title":"T","year":3000000000}}"#,
                "`data` of type song: field `year` must be int32, but is an integer beyond 32 bits",
            ),
            (
                r#"{"type":"movie","data":{"original_title":"T","release_date":"not-a-date"}}"#,
                "`data` of type movie: field `release_date` must be date, but is not one (`YYYY-MM-DD`)",
            ),
            (
                r#"{"type":"movie","data":{"original_title":null,"release_date":"1995-10-30"}}"#,
                "`data` of type movie: field `original_title` is missing or null",
            ),
            (
                r#"{"type":"app","data":{"name":"A\u0000","version":"1"}}"#,
                "`data` of type app: a text holds a NUL, which Postgres cannot store",
            ),
        ] {
            assert_eq!(decode(element), Err(reason.to_owned()), "{element}");
        }
        let long = format!(r#"{{"type":"app","data":{{"name":"{}","version":"1"}}}}"#, "x".repeat(3_000));
        assert!(decode(&long).unwrap_err().contains("the key has 3001 bytes"));
    }

    #[test]
    fn titles_are_normalized_as_the_contract_says() {
        for (title, expected) in [
            ("Star Wars: The Force Awakens", "star_wars_the_force_awakens"),
            ("Ocean's Eleven", "oceans_eleven"),
            ("Amélie  –  Le Film", "amélie_le_film"),
            ("千と千尋の神隠し", "千と千尋の神隠し"),
            ("8½", "8½"),
            ("!!!", ""),
        ] {
            assert_eq!(normalized(title), expected);
        }
    }
}
