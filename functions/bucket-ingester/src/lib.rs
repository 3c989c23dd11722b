//! Reads media files from a bucket and stores their songs, movies and apps in Postgres. The result does not depend on
//! the order in which files are read, or on how often.
//!
//! A file is read in stretches of elements ([`RowDecoder`]). The rows of a stretch ([`Chunk`]) and the position in the
//! file are stored in one transaction ([`MediaLane`]).

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
