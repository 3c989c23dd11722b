//! Where a consumer group stands in one partition: the watermark, the holes below it, and what is parked.
//!
//! Lambda delivers a partition in order, but a batch can be given up and come back later, and a stale poller can be
//! late. "Below the watermark" alone would then mean "lost". So a position also knows which offsets below its
//! watermark were never delivered (holes) and which were parked and may still be stored once. Every sink commits the
//! position together with the data: that is what makes each record count once. This crate is pure code; sinks bring the
//! storage.

mod position;
mod ranges;
mod samples;

pub use position::{
    Accepted, Handled, MAX_HOLES, Origin, Position, Refusal, TopicRecreated, UNCERTAIN, span,
};
pub use ranges::OffsetRanges;
pub use samples::{Identity, Samples};
