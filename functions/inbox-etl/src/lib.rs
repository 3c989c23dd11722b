//! Events of an S3 inbox → users and cards in Postgres: one event per object, in any order, the newest of each id stays.
//!
//! An object is decoded ([`EventDecoder`]), many of them become one transaction ([`InboxBatch`]), and which objects were read
//! is part of it ([`InboxLane`]).

mod batch;
mod event;
mod item;
mod lane;
mod settings;
mod transaction;

pub use self::settings::Settings;
pub use batch::InboxBatch;
pub use event::{Card, EventDecoder, InboxEvent, OrphanCard, User};
pub use lane::InboxLane;
