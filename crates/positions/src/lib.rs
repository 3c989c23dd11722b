//! The position of a consumer group in one partition: the watermark, the holes below it, and the parked offsets.
//!
//! Lambda delivers a partition in order. But it can give up a batch and deliver it again later, and a stale poller can
//! deliver late. If a sink ignored every record below the watermark, such records would be lost. So a position also
//! stores which offsets below the watermark were never delivered (holes), and which ones were parked and may still be
//! stored once.
//!
//! Every sink commits the position in the same transaction as the data. That is why each record counts once. This crate
//! does no I/O; the sinks store the position.

mod position;
mod ranges;
mod samples;

pub use position::{
    Accepted, Handled, MAX_HOLES, Origin, Position, Refusal, TopicRecreated, UNCERTAIN, span,
};
pub use ranges::OffsetRanges;
pub use samples::{Identity, Samples};
