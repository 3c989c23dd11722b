//! Parked records: what could never be stored, kept with its reason until somebody mends the cause.
//!
//! A record is parked **before** the position moves past it, under a key derived from its position: a retry of the same
//! batch overwrites itself, and a batch cut differently writes the same records once more under another key. Readers
//! therefore take one line per position, the newest. What is parked of an object lies in a folder of that object, until
//! a later reading of it has replaced it.

mod record;
mod shelf;

pub use record::{Header, ParkedRecord, Source};
pub use shelf::{DeadLetters, ObjectReading, ParkedObject, newest_by_source};
