//! Maintains one Delta table: writes checkpoints, cleans up the log, and vacuums files that nothing names. Also
//! computes the figures that show when each is due. Compaction is in the crate `lake`.
//!
//! Every operation is idempotent and ends before its deadline. If a run is stopped at any point, the table stays
//! readable, and the next run continues. Two keepers can run at the same time: they write the same checkpoint and
//! delete the same files.
//!
//! `delta_kernel` could write checkpoints too, but version 0.30.1 turns on the S3 client of `object_store`, which
//! brings in `aws-lc-rs`. That is a second TLS library, and it adds 50 ms to each cold start.

mod actions;
mod checkpoint;
mod checksum;
mod cleanup;
mod columns;
mod deletion_vector;
mod files;
mod history;
mod keeper;
mod log;
mod reading;
mod state;
mod stats;
mod vacuum;

pub use checkpoint::Checkpointed;
pub use cleanup::Cleaned;
pub use history::HistoryEntry;
pub use keeper::Keeper;
pub use lake::LakeError;
pub use reading::Reading;
pub use stats::Stats;
pub use vacuum::Vacuumed;
