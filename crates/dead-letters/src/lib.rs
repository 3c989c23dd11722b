//! Dead letters (parked records): records that could not be stored. Each is kept with the reason until an
//! operator fixes the cause.
//!
//! A lane parks a record **before** it moves its position past it. The object's name comes from the offsets.
//! If the same batch is retried, it overwrites its own object. If Lambda forms the batch differently, the
//! same records are written once more under another name. So readers must use only the newest line per offset
//! ([`newest_by_source`]).
//!
//! Records that come from an S3 object are parked in a folder of that object. They stay until a later reading
//! of the object replaces them.

mod record;
mod shelf;

pub use record::{Header, ParkedRecord, Source};
pub use shelf::{DeadLetters, ObjectReading, ParkedObject, newest_by_source};
