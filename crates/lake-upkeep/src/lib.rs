//! Keeps one Delta table fast and small: checkpoints, clean-up of the log, vacuum of files that nothing names, and the
//! figures that say when each is due. Compaction is not here.
//!
//! Every operation is idempotent and ends before its deadline. A run that is stopped at any point leaves a readable table,
//! and the next run continues. Two keepers at once do no harm: they write the same checkpoint and delete the same files.
//!
//! Checkpoints are written here and not by `delta_kernel`. Its 0.30.1 turns on the S3 client of `object_store`, which turns
//! on `aws-lc-rs`: a second TLS stack, and one that costs 50 ms of each cold start.

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
