//! Media files of a bucket → songs, movies and apps in Postgres, each row once, in whatever order files come.
//!
//! A file is read element by element ([`RowDecoder`]) in chunks; a chunk's rows and how far the file has come are one
//! transaction ([`MediaLane`]).

mod chunk;
mod lane;
mod list;
mod reading;
mod rows;
mod settings;
mod stretch;

pub use self::settings::{MediaSource, Settings};
pub use chunk::{Chunk, Origin};
pub use lane::MediaLane;
pub use list::{FilesList, UnreadableLine};
pub use rows::{App, Media, Movie, RowDecoder, Song, normalized};
