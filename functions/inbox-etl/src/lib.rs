//! Reads events from an S3 inbox and stores users and cards in Postgres. Each object holds one event. Objects may
//! arrive in any order; the newest event of each id stays.
//!
//! Objects are decoded ([`EventDecoder`]), and many of them are stored in one transaction ([`InboxBatch`]). The same
//! transaction registers which objects were read ([`InboxLane`]).

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
